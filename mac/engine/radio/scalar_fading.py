"""Computes the responses of links between single antennas, some slots of a block at once."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from phy.link.dominant_interferers import DominantLinks
from phy.link.response import PrbBasis, Response, basis_of

from ..state import EngineParts
from .fading_buffers import FadingBuffers, slots_at_once


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
        coordinates = self._buffers.coordinates(first_slot, self.slots_at_once, self._slot_s)
        return ScalarResponses(first_slot, coordinates, self.basis, self.dominant)
