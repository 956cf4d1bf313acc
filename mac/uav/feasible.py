"""Checks decisions of flying base stations: speeds, powers, association and shares; or repairs and counts them.

B drops, V UAVs, U users.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..core.contracts import InfeasibleDecision
from ..core.feasible import Place, raise_where, require_tensor
from .types import UNSERVED, UavContext, UavDecision, UavObservation

_ROUNDING = 1e-5  # of a limit


@dataclass(frozen=True)
class Breach:
    """Holds where a decision breaks one rule, and what to say."""

    bad: Tensor  # [B, ...] bool
    explain: Callable[[Place], str]


def require_uav(decision: object, observation: UavObservation, context: UavContext) -> UavDecision:
    """Returns the decision if all velocities, powers, serving UAVs and shares are allowed.

    Raises:
        InfeasibleDecision: they are not; it names the drop where a value is at fault.
    """
    checked = _require_tensors(decision, context)
    if _is_plain(checked, context):
        return checked
    for breach in _breaches(checked, observation, context):
        raise_where(breach.bad, context.drops, breach.explain)
    return checked


def repair_uav(decision: object, observation: UavObservation, context: UavContext) -> tuple[UavDecision, Tensor]:
    """Returns the nearest allowed decision, and how many values of each drop were repaired, float ``[B]``.

    Velocities that are no numbers become 0, too fast ones are shortened, powers are clipped; users whose serving UAV
    cannot serve them are not served, nor those beyond the greatest number; negative shares become 0, and shares that
    add up to more than 1 are divided by their sum.

    Raises:
        InfeasibleDecision: shapes, types or devices are wrong, which cannot be repaired.
    """
    given = _require_tensors(decision, context)
    count = torch.zeros(len(context.drops), dtype=context.dtype, device=context.device)
    mended = given
    for _ in range(2):  # a repair of the association may break shares
        for breach in _breaches(mended, observation, context):
            count = count + breach.bad.flatten(1).sum(1)
        mended = _mended(mended, observation, context)
        if not any(bool(one.bad.any()) for one in _breaches(mended, observation, context)):
            break
    return mended, count


def _is_plain(decision: UavDecision, context: UavContext) -> bool:
    """Checks quickly whether a decision is allowed that says nothing but velocities."""
    if decision.power_w is not None or decision.serving is not None or decision.share is not None:
        return False
    squared = decision.velocity_mps.square()
    level, climb = squared[..., 0] + squared[..., 1], squared[..., 2]
    return bool((level <= context.speed_mps**2).all()) and bool((climb <= context.climb_mps**2).all())


def _require_tensors(decision: object, context: UavContext) -> UavDecision:
    if not isinstance(decision, UavDecision):
        raise InfeasibleDecision(f"decide() must return a UavDecision, not {type(decision).__name__}")
    drops, uavs, users = len(context.drops), context.uavs, context.users
    expected = (
        ("velocity_mps", (drops, uavs, 3), context.dtype),
        ("power_w", (drops, uavs), context.dtype),
        ("serving", (drops, users), torch.int64),
        ("share", (drops, uavs, users), context.dtype),
    )
    for name, shape, dtype in expected:
        value = getattr(decision, name)
        if value is not None or name == "velocity_mps":
            require_tensor(value, f"UavDecision.{name}", shape, dtype, context.device)
    return decision


def _breaches(decision: UavDecision, observation: UavObservation, context: UavContext) -> list[Breach]:
    found = [*_of_velocity(decision.velocity_mps, context)]
    if decision.power_w is not None:
        found.append(_of_power(decision.power_w, context))
    if decision.serving is not None:
        found += _of_serving(decision.serving, observation, context)
    if decision.share is not None:
        found += _of_share(decision.share, decision.serving, context)
    return found


def _of_velocity(velocity: Tensor, context: UavContext) -> list[Breach]:
    level = velocity[..., 0].square() + velocity[..., 1].square()
    climb = velocity[..., 2].abs()
    fast = ~(level <= (context.speed_mps * (1.0 + _ROUNDING)) ** 2)  # NaN is no number below
    steep = ~(climb <= context.climb_mps * (1.0 + _ROUNDING))
    return [
        Breach(
            fast,
            lambda at: (
                f"UAV {at[1]} is to fly at {float(level[at]) ** 0.5:g} m/s, but its greatest speed is "
                f"{context.speed_mps:g} m/s (uavs.speed_mps)"
            ),
        ),
        Breach(
            steep,
            lambda at: (
                f"UAV {at[1]} is to climb or sink at {float(climb[at]):g} m/s, but its greatest vertical speed "
                f"is {context.climb_mps:g} m/s (uavs.climb_mps)"
            ),
        ),
    ]


def _of_power(power: Tensor, context: UavContext) -> Breach:
    bad = ~((power >= 0.0) & (power <= context.power_w * (1.0 + _ROUNDING)))
    return Breach(
        bad,
        lambda at: (
            f"UAV {at[1]} is to transmit {float(power[at]):g} W, but it may transmit 0 to {context.power_w:g} W "
            "(radio.power_dbm)"
        ),
    )


def _of_serving(serving: Tensor, observation: UavObservation, context: UavContext) -> list[Breach]:
    known = (serving >= UNSERVED) & (serving < context.uavs)
    index = serving.clamp(0, context.uavs - 1)
    idle = known & (serving >= 0) & ~observation.active.gather(1, index)
    found = [
        Breach(
            ~known,
            lambda at: (
                f"user {at[1]} is served by UAV {int(serving[at])}, which does not exist: use 0 to "
                f"{context.uavs - 1}, or {UNSERVED} for none"
            ),
        ),
        Breach(
            idle,
            lambda at: (
                f"user {at[1]} is served by UAV {int(serving[at])}, which is out of service: its battery is "
                "empty (observation.active)"
            ),
        ),
    ]
    if context.radio.max_users is not None:
        most = context.radio.max_users
        rank = _rank(serving, context.uavs)
        found.append(
            Breach(rank > most, lambda at: f"UAV {int(serving[at])} serves more than {most} users (radio.max_users)")
        )
    return found


def _of_share(share: Tensor, serving: Tensor | None, context: UavContext) -> list[Breach]:
    bad = ~((share >= 0.0) & (share <= 1.0 + _ROUNDING))
    total = share.sum(-1)
    found = [
        Breach(
            bad,
            lambda at: f"user {at[2]} gets the share {float(share[at]):g} of the band of UAV {at[1]}: use 0 to 1",
        ),
        Breach(
            total > 1.0 + _ROUNDING,
            lambda at: f"the shares of the band of UAV {at[1]} add up to {float(total[at]):g}, more than 1",
        ),
    ]
    if serving is not None:
        elsewhere = (share > 0.0) & (serving[:, None] != torch.arange(context.uavs, device=share.device)[:, None])
        found.append(
            Breach(
                elsewhere,
                lambda at: (
                    f"user {at[2]} has a share of the band of UAV {at[1]}, but its serving UAV is "
                    f"{int(serving[at[0], at[2]])}"
                ),
            )
        )
    return found


def _rank(serving: Tensor, uavs: int) -> Tensor:
    """Numbers each user among those of its UAV, from 1 in their order, int64 ``[B, U]``; 0 where none serves it."""
    mine = serving[..., None] == torch.arange(uavs, device=serving.device)
    return (mine.cumsum(1) * mine).sum(-1)


def _mended(decision: UavDecision, observation: UavObservation, context: UavContext) -> UavDecision:
    velocity = decision.velocity_mps.nan_to_num(0.0, posinf=context.speed_mps, neginf=-context.speed_mps)
    level = torch.hypot(velocity[..., 0], velocity[..., 1])[..., None]
    plane = velocity[..., :2] * (context.speed_mps / level.clamp(min=context.speed_mps))
    climb = velocity[..., 2:].clamp(-context.climb_mps, context.climb_mps)
    mended = replace(decision, velocity_mps=torch.cat((plane, climb), -1))
    if decision.power_w is not None:
        mended = replace(mended, power_w=decision.power_w.nan_to_num(0.0).clamp(0.0, context.power_w))
    if decision.serving is not None:
        mended = replace(mended, serving=_mended_serving(decision.serving, observation, context))
    if decision.share is not None:
        mended = replace(mended, share=_mended_share(decision.share, mended.serving, context))
    return mended


def _mended_serving(serving: Tensor, observation: UavObservation, context: UavContext) -> Tensor:
    known = (serving >= 0) & (serving < context.uavs)
    able = known & observation.active.gather(1, serving.clamp(0, context.uavs - 1))
    serving = torch.where(able, serving, UNSERVED)
    if context.radio.max_users is not None:
        serving = torch.where(_rank(serving, context.uavs) > context.radio.max_users, UNSERVED, serving)
    return serving


def _mended_share(share: Tensor, serving: Tensor | None, context: UavContext) -> Tensor:
    share = share.nan_to_num(0.0, posinf=1.0, neginf=0.0).clamp(0.0, 1.0)
    if serving is not None:
        own = serving[:, None] == torch.arange(context.uavs, device=share.device)[:, None]
        share = torch.where(own, share, 0.0)
    return share / share.sum(-1, keepdim=True).clamp(min=1.0)
