"""Checks the decision of an allocator: PRBs that are not negative, and that each cell has."""

from __future__ import annotations

import torch

from ..core.contracts import InfeasibleDecision
from ..core.feasible import raise_where, require_tensor
from .types import PersonalizedContext, PersonalizedDecision, PersonalizedObservation

_ROUNDING = 1e-9  # of the PRBs of a cell: sums in float64


def require_personalized(
    decision: object, observation: PersonalizedObservation, context: PersonalizedContext
) -> PersonalizedDecision:
    """Returns the decision if no UE has less than 0 PRBs, and the UEs of no cell more than it has.

    Args:
        decision: what the allocator returned.
        observation: tells the cell of each UE.
        context: of the run.

    Raises:
        InfeasibleDecision: it breaks a rule; it names the drop where a value is at fault.
    """
    if not isinstance(decision, PersonalizedDecision):
        raise InfeasibleDecision(f"decide() must return a PersonalizedDecision, not {type(decision).__name__}")
    shape, drops = (len(context.drops), context.users), context.drops
    prbs = require_tensor(decision.prbs, "PersonalizedDecision.prbs", shape, torch.float64, context.device)
    raise_where(~prbs.isfinite(), drops, lambda at: f"UE {at[1]} gets {float(prbs[at])} PRBs, which is no number")
    raise_where(prbs < 0, drops, lambda at: f"UE {at[1]} gets {float(prbs[at]):g} PRBs; give 0 or more")
    total = prbs.new_zeros((shape[0], context.cells)).scatter_add_(1, observation.serving, prbs)
    over = total > context.prbs * (1 + _ROUNDING)
    raise_where(over, drops, lambda at: f"cell {at[1]} gives {float(total[at]):g} PRBs of {context.prbs}")
    return decision
