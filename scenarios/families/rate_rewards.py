"""Computes rewards of rates and queues, which several families share. B drops, U UEs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mac.core.contracts import Extra, Outcome
from phy.numerics.jit import uses_numba

from .environment import Reward, Scene

_MBIT = 1e6


def rate_mbps(outcome: Outcome, scene: Scene) -> Tensor:
    """Computes the mean rate of a UE, ``[B]`` in Mbit/s."""
    return outcome.served_bits.mean(1) / (scene.interval_s * _MBIT)


def log_rate(outcome: Outcome, scene: Scene) -> Tensor:
    """Computes the mean of log(1 + rate in Mbit/s) over UEs, ``[B]``: proportional fairness, finite at rate 0."""
    bits, bits_per_mbps = outcome.served_bits, scene.interval_s * _MBIT
    if bits.device.type != "cpu" or not uses_numba():
        return torch.log1p(bits / bits_per_mbps).mean(1)
    from .rate_rewards_numba import mean_log_rate  # numba takes long to import

    found = np.empty(len(bits))
    mean_log_rate(bits.contiguous().numpy(), 1.0 / bits_per_mbps, found)
    return torch.from_numpy(found)


def backlog(outcome: Outcome, scene: Scene) -> Tensor:
    """Computes minus the mean backlog of the UEs without a full buffer, ``[B]`` in Mbit."""
    counted = ~scene.label("full_buffer")
    waiting = torch.where(counted, value_of(outcome.extras["backlog_bits"]), 0.0)
    return -waiting.sum(1) / (_MBIT * counted.sum().clamp(min=1))


def value_of(extra: Extra) -> Tensor:
    """Returns an extra of an outcome, which may be computed on demand."""
    return extra if isinstance(extra, Tensor) else extra()


RATES = {
    "rate": Reward(rate_mbps, "Mbit/s", "mean rate of a UE"),
    "log_rate": Reward(log_rate, "1", "mean of log(1 + rate in Mbit/s) over UEs"),
}
"""For any family whose outcomes have served bits."""

REWARDS = {
    **RATES,
    "backlog": Reward(backlog, "Mbit", "minus the mean backlog of UEs without a full buffer"),
}
"""For families on a cellular carrier."""
