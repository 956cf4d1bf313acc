"""Delay spreads and frequencies of the tests of fading."""

from __future__ import annotations

import torch


def frequencies(prbs: int) -> torch.Tensor:
    return (torch.arange(prbs, dtype=torch.float64) - (prbs - 1) / 2) * 180e3


SPREADS = 10.0 ** torch.linspace(-7.1, -5.8, 8, dtype=torch.float64)
