"""Checks decisions on sensor fields: shapes, live heads, and a route to the sink for every live node."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..core.contracts import InfeasibleDecision
from ..core.feasible import Place, raise_where, require_tensor
from .routing import ends_at_sink, parent_column, prepend_sink
from .types import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation


def require_wsn(decision: object, observation: WsnObservation, context: WsnContext) -> WsnDecision:
    """Returns the decision if every live node sends to the sink or to a live node, and every route ends at the sink.

    Raises:
        InfeasibleDecision: it does not; it names the drop where a value is at fault.
    """
    decision = require_form(decision, context)
    parent, head, alive = decision.parent, decision.head, observation.alive
    raise_where(head & ~alive, context.drops, lambda at: f"node {at[1]} is a head, and it is dead")
    raise_where(
        alive & ((parent < SINK) | (parent >= context.nodes)),
        context.drops,
        lambda at: _nowhere(int(parent[at]), at[1], context.nodes),
    )
    up = parent_column(parent)  # what stands at dead nodes may be any number
    raise_where(
        alive & ~prepend_sink(alive, True).gather(1, up),
        context.drops,
        lambda at: f"node {at[1]} sends to node {int(parent[at])}, which is dead",
    )
    raise_where(
        alive & ~ends_at_sink(up * alive),
        context.drops,
        lambda at: f"node {at[1]} goes round in a circle and never reaches the sink",
    )
    if context.control_bits and decision.control is not None:
        _require_control(decision.control, alive, context)
    return decision


def require_form(decision: object, context: WsnContext) -> WsnDecision:
    """Returns the decision if it is one and its tensors have the right shapes, dtypes and device.

    Raises:
        InfeasibleDecision: it is not.
    """
    if not isinstance(decision, WsnDecision):
        raise InfeasibleDecision(f"decide() must return a WsnDecision, not {type(decision).__name__}")
    shape = (len(context.drops), context.nodes)
    require_tensor(decision.parent, "WsnDecision.parent", shape, torch.int64, context.device)
    require_tensor(decision.head, "WsnDecision.head", shape, torch.bool, context.device)
    if decision.fuses_own is not None:
        require_tensor(decision.fuses_own, "WsnDecision.fuses_own", shape, torch.bool, context.device)
    return decision


def _require_control(control: object, alive: Tensor, context: WsnContext) -> None:
    """Refuses numbers of messages and radii that are negative, which would charge a battery, or not finite."""
    if not isinstance(control, Control):
        raise InfeasibleDecision(f"WsnDecision.control must be a Control or None, not {type(control).__name__}")
    for name in ("broadcasts", "radius_m"):
        value = getattr(control, name)
        dtype = value.dtype if isinstance(value, Tensor) and value.is_floating_point() else torch.float64
        require_tensor(value, f"Control.{name}", tuple(alive.shape), dtype, context.device)
        raise_where(~((value >= 0) & (value < torch.inf)), context.drops, partial(_not_finite, name, value))
    raise_where(
        (control.broadcasts > 0) & ~alive, context.drops, lambda at: f"node {at[1]} sends broadcasts, and it is dead"
    )


def _not_finite(name: str, value: Tensor, at: Place) -> str:
    return f"Control.{name} of node {at[1]} is {float(value[at]):g}: use a finite number of at least 0"


def _nowhere(parent: int, node: int, nodes: int) -> str:
    if parent == NO_WAY:
        return f"node {node} lives and has no way: give it a parent, a live node or {SINK} for the sink"
    return f"node {node} sends to node {parent}, which does not exist: use 0 to {nodes - 1}, or {SINK} for the sink"
