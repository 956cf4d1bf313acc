"""Computes the average rate at which each UE has been served, the state of proportional fair scheduling."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingObservation
from phy.numerics.jit import uses_numba

_LEAST_BITS = 1.0  # an average never falls below one bit a slot, so that dividing by it is safe


class ServedAverage:
    """Averages the bits served in a slot exponentially: ``R <- (1 - a) R + a served``, a = slot / time constant.

    It starts at what an equal share of the carrier would carry: the user's mean rate times the PRBs of all cells over
    the number of users. So the first slots favour no user for being near.

    Source: Tse and Viswanath, Fundamentals of Wireless Communication, 2005, section 6.7.1.
    """

    def __init__(self, context: SchedulingContext, time_constant_s: float) -> None:
        self._share = min(1.0, context.slot_s / time_constant_s)
        self._start_prbs = context.prbs * context.cells / context.users
        self._bits: Tensor | None = None

    def weight(self, observation: SchedulingObservation) -> Tensor:
        """Counts the slot before this one; returns one over the average, ``[B, U]`` in 1/bit. Call it once a slot."""
        if self._bits is None:
            self._bits = (observation.mean_rate_bits * self._start_prbs).clamp_(min=_LEAST_BITS)
            return torch.reciprocal(self._bits)
        if self._bits.device.type == "cpu" and uses_numba():
            return self._followed(self._bits, observation.served_bits)
        # No fused multiply-add, which rounds differently in the tail of a tensor.
        kept = self._bits * (1.0 - self._share)
        self._bits = (kept + observation.served_bits * self._share).to(kept.dtype).clamp_(min=_LEAST_BITS)
        return torch.reciprocal(self._bits)

    def in_place(self, observation: SchedulingObservation) -> tuple[np.ndarray, np.ndarray, float, float, bool]:
        """Returns averages and weights that a loop over slots counts on in place, as
        :class:`allocators.scheduling.in_place_numba.Weights` holds them.
        """
        is_new, weight = self._bits is None, torch.empty_like(observation.mean_rate_bits)
        if is_new:
            weight = self.weight(observation)
        assert self._bits is not None
        return self._bits.numpy(), weight.numpy(), self._share, _LEAST_BITS, is_new

    def _followed(self, bits: Tensor, served: Tensor) -> Tensor:
        """Counts the slot in a compiled loop, and returns one over the average."""
        from .served_average_numba import follow

        weight = torch.empty_like(bits)
        follow(served.contiguous().numpy(), self._share, _LEAST_BITS, bits.numpy(), weight.numpy())
        return weight
