"""Checks a scheduling decision before it is carried out: its shape, its type and its values.

Shapes and types are checked at once, at no cost. Values are checked on the device; only on a CPU, where reading a
number back is free, is every decision judged at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phy.numerics.jit import uses_numba

from ..core.contracts import InfeasibleDecision
from ..core.feasible import first_breach, raise_where, require_tensor
from .types import SchedulingContext, SchedulingDecision, SchedulingObservation


def require_scheduling(
    decision: object, observation: SchedulingObservation, context: SchedulingContext
) -> SchedulingDecision:
    """Returns the decision if each PRB is held by no UE or by a UE of that cell that may hold it.

    Raises:
        InfeasibleDecision: with the drop where a value is at fault.
    """
    user = _holders(decision, context)
    if _breached(user, observation):
        place = first_breach(_breaches(user, observation))
        raise InfeasibleDecision(_explain(user, observation, place), context.drops.ids[place[0]])
    return SchedulingDecision(user, _required_partners(decision, user, observation, context))


def repair_scheduling(
    decision: object, observation: SchedulingObservation, context: SchedulingContext
) -> tuple[Tensor, Tensor]:
    """Replaces every holder that is not allowed by -1. Returns ``user [B, C, K]`` and the breaches of each drop.

    Nothing is read back from the device.

    Raises:
        InfeasibleDecision: what is no tensor of the right shape and type cannot be mended.
    """
    user = _holders(decision, context)
    bad = _breaches(user, observation)
    return torch.where(bad, -1, user), bad.flatten(1).sum(1)


def repair_partners(
    decision: SchedulingDecision, user: Tensor, observation: SchedulingObservation, context: SchedulingContext
) -> tuple[Tensor, Tensor] | None:
    """Replaces every partner that may not share the PRB by -1. Returns ``partners`` and the breaches of each drop.

    None where every PRB has one UE. Nothing is read back from the device.

    Args:
        decision: the decision to mend.
        user: the holders that are left, ``[B, C, K]``.
        observation: as the decision's maker observed it.
        context: of the run.

    Raises:
        InfeasibleDecision: what is no tensor of the right shape and type cannot be mended.
    """
    partners = _partners(decision, context)
    if partners is None:
        return None
    bad = _partner_breaches(user, partners, observation)
    return torch.where(bad, -1, partners), bad.flatten(1).sum(1)


def _holders(decision: object, context: SchedulingContext) -> Tensor:
    if not isinstance(decision, SchedulingDecision):
        raise InfeasibleDecision(f"decide() must return a SchedulingDecision, not {type(decision).__name__}")
    shape = (len(context.drops), context.cells, context.prbs)
    return require_tensor(decision.user, "SchedulingDecision.user", shape, torch.int64, context.device)


def _partners(decision: object, context: SchedulingContext) -> Tensor | None:
    """Returns partners of the right shape and type, -1 where none are named; None where every PRB has one UE."""
    assert isinstance(decision, SchedulingDecision)
    if context.users_per_prb == 1:
        if decision.partners is not None:
            raise InfeasibleDecision(
                "SchedulingDecision.partners must be None: PRBs have one user each where context.users_per_prb is 1"
            )
        return None
    shape = (len(context.drops), context.cells, context.prbs, context.users_per_prb - 1)
    if decision.partners is None:
        return torch.full(shape, -1, dtype=torch.int64, device=context.device)
    return require_tensor(decision.partners, "SchedulingDecision.partners", shape, torch.int64, context.device)


def _required_partners(
    decision: object, user: Tensor, observation: SchedulingObservation, context: SchedulingContext
) -> Tensor | None:
    partners = _partners(decision, context)
    if partners is not None:
        bad = _partner_breaches(user, partners, observation)
        raise_where(bad, context.drops, lambda place: _explain_partner(user, partners, observation, place))
    return partners


def _breached(user: Tensor, observation: SchedulingObservation) -> bool:
    """Returns whether there is any breach."""
    if user.device.type == "cpu" and uses_numba():
        from .feasible_numba import breached, limits, masks

        arrays = user.contiguous().numpy(), observation.serving.contiguous().numpy(), *masks(observation)
        return bool(breached(*arrays, *limits(observation)))
    return bool(_breaches(user, observation).any())


def _breaches(user: Tensor, observation: SchedulingObservation) -> Tensor:
    """Finds holders that are forbidden, or beyond the most PRBs of their slice, counted from the lowest frequency."""
    bad = _forbidden(user, observation)
    if observation.most_prbs is None:
        return bad
    held, of = (user != -1) & ~bad, _slices(user, observation)
    count = torch.zeros((*observation.most_prbs.shape, user.shape[-1]), dtype=torch.int64, device=user.device)
    count = count.scatter_(2, of[:, :, None], held.long()[:, :, None]).cumsum(-1)
    beyond = count.gather(2, of[:, :, None])[:, :, 0] > observation.most_prbs.gather(2, of)
    return bad | (held & beyond)


def _forbidden(user: Tensor, observation: SchedulingObservation) -> Tensor:
    """Finds PRBs held by a UE that does not exist, that another cell serves, or that may not hold it."""
    known = user.clamp(0, observation.serving.shape[1] - 1)
    home = observation.serving.gather(1, known.flatten(1)).view(user.shape)
    fine = (known == user) & (home == torch.arange(user.shape[1], device=user.device)[:, None])
    if observation.owned is not None:
        fine &= _may_hold(observation, known)
    return ~fine & (user != -1)


def _explain(user: Tensor, observation: SchedulingObservation, place: tuple[int, ...]) -> str:
    drop, cell, prb = place
    held, users = int(user[place]), observation.serving.shape[1]
    if not -1 <= held < users:
        return f"cell {cell} gives PRB {prb} to user {held}, which does not exist: use 0 to {users - 1}, or -1 for none"
    home = int(observation.serving[drop, held])
    if home != cell:
        return f"cell {cell} gives PRB {prb} to user {held}, which cell {home} serves"
    if bool(_forbidden(user, observation)[place]):
        lent = "" if observation.borrowable is None else " and is not lent to it"
        return f"user {held} holds PRB {prb}, which is not its slice's{lent}"
    assert observation.most_prbs is not None
    number = int(observation.slice_id[drop, held])
    most = int(observation.most_prbs[drop, cell, number])
    return (
        f"cell {cell} gives slice {number} more PRBs than the {most} that it may hold, borrowed ones included: "
        "see observation.most_prbs"
    )


def _partner_breaches(user: Tensor, partners: Tensor, observation: SchedulingObservation) -> Tensor:
    """Finds partners that may not hold the PRB, are on it twice, have no UE to share with, or are of another slice."""
    alone = torch.stack([_forbidden(one, observation) for one in partners.unbind(-1)], -1)
    sharing = torch.cat((user[..., None], partners), -1)
    equal = sharing[..., 1:, None] == sharing[..., None, :]
    before = torch.ones(equal.shape[-2:], dtype=torch.bool, device=equal.device).tril()
    bad = (equal & before).any(-1) | (user == -1)[..., None]
    if observation.owned is not None:
        of = _slices(sharing, observation)
        bad = bad | (of[..., 1:] != of[..., :1])
    return alone | (bad & (partners != -1))


def _slices(users: Tensor, observation: SchedulingObservation) -> Tensor:
    known = users.clamp(0, observation.serving.shape[1] - 1).flatten(1)
    return observation.slice_id.gather(1, known).view(users.shape)


def _explain_partner(user: Tensor, partners: Tensor, observation: SchedulingObservation, place: tuple[int, ...]) -> str:
    drop, cell, prb, number = place
    one = partners[..., number]
    if bool(_forbidden(one, observation)[drop, cell, prb]):
        return _explain(one, observation, (drop, cell, prb)) + ": a partner must be allowed to hold the PRB"
    held, partner = int(user[drop, cell, prb]), int(partners[place])
    if held == -1:
        return f"cell {cell} gives PRB {prb} to user {partner} as a partner, but to no holder: make it the holder"
    if partner in [held, *partners[drop, cell, prb, :number].tolist()]:
        return f"cell {cell} gives PRB {prb} to user {partner} twice"
    own, other = (int(observation.slice_id[drop, one]) for one in (held, partner))
    return (
        f"cell {cell} gives PRB {prb} to user {held} of slice {own} and user {partner} of slice {other}: only users of "
        "one slice share a PRB"
    )


def _may_hold(observation: SchedulingObservation, user: Tensor) -> Tensor:
    allowed = observation.owned
    assert allowed is not None
    if observation.borrowable is not None:
        allowed = allowed | observation.borrowable
    _batch, _, prbs = user.shape
    allowed = allowed.expand(-1, -1, prbs)
    return allowed.gather(1, user)
