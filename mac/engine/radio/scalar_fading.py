"""Computes the responses of links between single antennas, some slots of a block at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from torch import Tensor

from phy.link.dominant_interferers import DominantLinks
from phy.link.response import PrbBasis, Response, basis_of

from ..state import EngineParts
from .fading_buffers import FadingBuffers, slots_at_once


class LateResponse:
    """Provides the responses in one slot when they are first read; see :class:`phy.link.response.Response`.

    Args:
        block: of the slot.
        slot: number of the slot.
    """

    def __init__(self, block: LateResponses, slot: int) -> None:
        self._block, self._slot = block, slot
        self.basis, self.dominant = block.basis, block.dominant

    @cached_property
    def coordinates(self) -> Tensor:
        """Computes the coordinates of every link, ``[B, U, J * size]``."""
        return self._block.coordinates[:, :, self._slot - self._block.first_slot]


@dataclass(frozen=True)
class LateResponses:
    """Provides what :class:`ScalarResponses` holds when it is first read, as it may not be."""

    first_slot: int
    evaluate: Callable[[], Tensor]
    basis: PrbBasis
    dominant: DominantLinks | None

    @cached_property
    def coordinates(self) -> Tensor:
        """Computes the coordinates of every link in the slots from ``first_slot`` on, ``[B, U, T, J * size]``."""
        return self.evaluate()

    def at(self, slot: int) -> LateResponse:
        """Returns the responses in one slot."""
        return LateResponse(self, slot)


@dataclass(frozen=True)
class ScalarResponses:
    """Holds the coordinates of every link in the slots from ``first_slot`` on."""

    first_slot: int
    coordinates: Tensor  # [B, U, T, J * size]
    basis: PrbBasis
    dominant: DominantLinks | None  # which cells the J links lead to; None: each of the C cells has one

    def at(self, slot: int) -> Response:
        """Returns the responses in one slot."""
        return Response(self.coordinates[:, :, slot - self.first_slot], self.basis, self.dominant)


class ScalarFading:
    """Provides responses to a radio.

    Args:
        parts: of the engine.
    """

    def __init__(self, parts: EngineParts) -> None:
        fading = parts.channel.fading
        self.basis: PrbBasis = basis_of(fading.to_prbs)
        self.dominant = fading.dominant
        _, users, width = fading.slot_shape
        self.slots_at_once = slots_at_once(users * width, parts.block_slots)
        self._buffers, self._slot_s = FadingBuffers(fading), parts.carrier.slot_s

    def respond(self, first_slot: int) -> ScalarResponses:
        """Computes the responses of links from a slot on."""
        return ScalarResponses(first_slot, self._evaluate(first_slot), self.basis, self.dominant)

    def respond_late(self, first_slot: int) -> LateResponses:
        """Returns the responses of links from a slot on, which are computed when they are first read."""
        return LateResponses(first_slot, partial(self._evaluate, first_slot), self.basis, self.dominant)

    def _evaluate(self, first_slot: int) -> Tensor:
        return self._buffers.coordinates(first_slot, self.slots_at_once, self._slot_s)
