"""Computes the position of every UE at any time from straight legs, which are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .area import Area


@dataclass(frozen=True)
class Legs:
    """Holds straight movements of constant velocity in the plane of an area; those of a UE follow each other."""

    start_s: Tensor  # [B, U, Lg] float64, ascending, the first not after 0, inf where there is no further leg
    origin_m: Tensor  # [B, U, Lg, 3] where the leg starts
    velocity_mps: Tensor  # [B, U, Lg, 3]


@dataclass(frozen=True)
class Trajectory:
    """Computes positions and velocities as pure functions of time."""

    legs: Legs
    area: Area
    duration_s: float  # nothing is known beyond

    def position_m(self, t_s: Tensor) -> Tensor:
        """Computes positions in m, continuous in time, float64 ``[B, U, T, 3]`` for times ``[T]`` in seconds.

        With wrap-around a position may lie in an image of the cluster: see :func:`phy.mobility.wrap_position`.

        Raises:
            ValueError: a time before 0 or after the duration (checked on the CPU only).
        """
        plane, _ = self._at(t_s)
        return torch.cat((self.area.inside(plane[..., :2]), plane[..., 2:]), -1)

    def velocity_mps(self, t_s: Tensor) -> Tensor:
        """Computes velocities in m/s, float64 ``[B, U, T, 3]``; where a leg ends that of the next one.

        Raises:
            ValueError: as :meth:`position_m`.
        """
        plane, velocity = self._at(t_s)
        return torch.cat((velocity[..., :2] * self.area.flip(plane[..., :2]), velocity[..., 2:]), -1)

    def to(self, device: torch.device) -> Trajectory:
        """Moves the trajectories to another device."""
        legs = Legs(*(part.to(device) for part in (self.legs.start_s, self.legs.origin_m, self.legs.velocity_mps)))
        return Trajectory(legs, self.area, self.duration_s)

    def _at(self, t_s: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the point of the plane and the velocity there, both ``[B, U, T, 3]``."""
        legs, time = self.legs, t_s.to(torch.float64)
        if time.device.type == "cpu" and bool(((time < 0.0) | (time > self.duration_s)).any()):
            raise ValueError(
                f"the trajectories are known from 0 to {self.duration_s:g} s, but one was asked for "
                f"{float(time.min()):g} to {float(time.max()):g} s; make them with a longer duration_s"
            )
        all_times = time.expand(*legs.start_s.shape[:2], -1).contiguous()
        leg = (torch.searchsorted(legs.start_s, all_times, right=True) - 1).clamp_(min=0)
        start = legs.start_s.gather(2, leg)
        row = leg[..., None].expand(-1, -1, -1, 3)
        velocity = legs.velocity_mps.gather(2, row)
        return legs.origin_m.gather(2, row) + velocity * (all_times - start)[..., None], velocity


def trim(legs: Legs, duration_s: float) -> Legs:
    """Drops the legs that no UE begins within the duration."""
    needed = int((legs.start_s <= duration_s).sum(-1).max())
    return Legs(*(part[:, :, :needed].contiguous() for part in (legs.start_s, legs.origin_m, legs.velocity_mps)))


def stack(parts: Sequence[Legs]) -> Legs:
    """Stacks the legs of several drops."""
    longest = max(part.start_s.shape[2] for part in parts)
    even = [_pad(part, longest) for part in parts]
    return Legs(
        torch.cat([part.start_s for part in even]),
        torch.cat([part.origin_m for part in even]),
        torch.cat([part.velocity_mps for part in even]),
    )


def join(parts: Sequence[Trajectory], members: Sequence[Tensor]) -> Trajectory:
    """Joins the trajectories of groups of UEs to those of all UEs.

    Args:
        parts: one for each group, in the same area.
        members: ``[U_g]`` int64 for each group, the numbers of its UEs; all together 0 .. U - 1, each once.

    Raises:
        ValueError: the members are not a permutation of 0 .. U - 1, or do not fit the parts.
    """
    number = torch.cat(list(members))
    fits = [part.legs.start_s.shape[1] for part in parts] == [len(own) for own in members]
    if not fits or not torch.equal(number.sort().values, torch.arange(len(number))):
        raise ValueError(
            f"groups of {[len(own) for own in members]} users cannot be joined: each user from 0 to "
            f"{len(number) - 1} must belong to exactly one group, and each group needs a trajectory for each member"
        )
    longest = max(part.legs.start_s.shape[2] for part in parts)
    even = [_pad(part.legs, longest) for part in parts]
    place = number.argsort()
    legs = Legs(
        torch.cat([part.start_s for part in even], 1)[:, place],
        torch.cat([part.origin_m for part in even], 1)[:, place],
        torch.cat([part.velocity_mps for part in even], 1)[:, place],
    )
    return Trajectory(legs, parts[0].area, min(part.duration_s for part in parts))


def _pad(legs: Legs, longest: int) -> Legs:
    more = longest - legs.start_s.shape[2]
    pad = torch.nn.functional.pad
    return Legs(
        pad(legs.start_s, (0, more), value=torch.inf),
        pad(legs.origin_m, (0, 0, 0, more)),
        pad(legs.velocity_mps, (0, 0, 0, more)),
    )
