"""Checks the decision of a slice controller, or repairs it: quotas that fit the carrier, limits that fit the quotas."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.contracts import InfeasibleDecision
from ..core.feasible import raise_where, require_tensor
from .types import SlicingContext, SlicingDecision, SlicingObservation


def require_slicing(decision: object, observation: SlicingObservation, context: SlicingContext) -> SlicingDecision:
    """Returns the decision if every slice keeps its least and the quotas of a cell fit the carrier and their limits.

    Limits that it leaves out are filled in: the whole carrier for ``most_rbg``, 0 for ``kept_rbg``.

    Args:
        decision: what the allocator returned.
        observation: not read: the rules of slicing follow from the context alone.
        context: of the run.

    Raises:
        InfeasibleDecision: it breaks a rule; it names the drop where a value is at fault.
    """
    return required_quotas(decision, context)


def required_quotas(decision: object, context: SlicingContext) -> SlicingDecision:
    """Returns the decision as :func:`require_slicing` does, which needs no observation.

    Raises:
        InfeasibleDecision: as there.
    """
    decision, rbg = _quotas(decision, context)
    least, rbgs, drops = context.min_rbg, context.rbgs, context.drops
    raise_where(rbg < least, drops, lambda at: f"a slice gets {int(rbg[at])} RBGs, and every slice keeps {least}")
    raise_where(rbg > rbgs, drops, lambda at: f"a slice gets {int(rbg[at])} RBGs of {rbgs}")
    total = rbg.sum(-1)
    raise_where(total > rbgs, drops, lambda at: f"the slices of a cell get {int(total[at])} RBGs of {rbgs}")
    return SlicingDecision(rbg, *_required_limits(decision, rbg, context))


def repair_slicing(decision: object, context: SlicingContext) -> tuple[SlicingDecision, Tensor]:
    """Cuts quotas to their limit and raises them to the least, then takes RBGs from the greatest until they fit.

    Returns:
        The decision, and the breaches of each drop, int64 ``[B]``.

    Raises:
        InfeasibleDecision: a tensor of another shape or type, which cannot be repaired.
    """
    decision, given = _quotas(decision, context)
    most_given, kept_given = _limits(decision, context)
    most = most_given.clamp(context.min_rbg, context.rbgs)
    rbg = given.clamp(min=context.min_rbg).minimum(most)
    for _ in range(len(context.slices) * context.rbgs):
        excess = rbg.sum(-1, keepdim=True) > context.rbgs
        greatest = torch.zeros_like(rbg).scatter_(-1, rbg.argmax(-1, keepdim=True), 1)
        rbg = rbg - greatest * excess
    kept = kept_given.clamp(min=0).minimum(rbg)
    repaired = (rbg != given) | (most != most_given) | (kept != kept_given)
    return SlicingDecision(rbg, most, kept), repaired.flatten(1).any(1).long()


def _quotas(decision: object, context: SlicingContext) -> tuple[SlicingDecision, Tensor]:
    if not isinstance(decision, SlicingDecision):
        raise InfeasibleDecision(f"decide() must return a SlicingDecision, not {type(decision).__name__}")
    shape = (len(context.drops), context.cells, len(context.slices))
    return decision, require_tensor(decision.rbg, "SlicingDecision.rbg", shape, torch.int64, context.device)


def _limits(decision: SlicingDecision, context: SlicingContext) -> tuple[Tensor, Tensor]:
    """Returns the most RBGs that each slice may hold and those that it never lends, of the right shape and type."""
    shape, device = (len(context.drops), context.cells, len(context.slices)), context.device
    most, kept = decision.most_rbg, decision.kept_rbg
    if most is None:
        most = torch.full(shape, context.rbgs, dtype=torch.int64, device=device)
    if kept is None:
        kept = torch.zeros(shape, dtype=torch.int64, device=device)
    return (
        require_tensor(most, "SlicingDecision.most_rbg", shape, torch.int64, device),
        require_tensor(kept, "SlicingDecision.kept_rbg", shape, torch.int64, device),
    )


def _required_limits(decision: SlicingDecision, rbg: Tensor, context: SlicingContext) -> tuple[Tensor, Tensor]:
    most, kept = _limits(decision, context)
    rbgs, drops = context.rbgs, context.drops
    if decision.most_rbg is not None:
        raise_where(
            most < rbg,
            drops,
            lambda at: f"a slice gets {int(rbg[at])} RBGs, and its most_rbg lets it hold {int(most[at])}",
        )
        raise_where(most > rbgs, drops, lambda at: f"a slice may hold {int(most[at])} RBGs of {rbgs}")
    if decision.kept_rbg is not None:
        raise_where(
            (kept < 0) | (kept > rbg),
            drops,
            lambda at: (
                f"a slice never lends {int(kept[at])} RBGs of its {int(rbg[at])}: kept_rbg must be from 0 to its rbg"
            ),
        )
    return most, kept
