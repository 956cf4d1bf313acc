"""Computes a Gaussian process over codes, by which measured thresholds are smoothed and interpolated.

A value (a distance in dB, or the logarithm of one) is the sum of a trend, a smooth function of (size, code rate) with a
part of each modulation, what codes have in common whose lifting sizes are of one set, a fine structure over size and
rate that grows as blocks get shorter, and what a code of one size and modulation has to itself, nearly the same for
nearly the same rate. The parameters maximise the marginal likelihood of the measured values, whose variances are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
# Where the search begins, and the middle of a log-normal prior of width 1: sizes of the parts, lengths in the logarithm
# of the size ("over_size") and in that of the odds of the code rate ("over_rate").
START = {
    "smooth": 0.1, "over_size": 1.0, "over_rate": 1.0, "modulation": 0.05, "set": 0.05, "set_over_size": 0.3,
    "fine": 0.05, "fine_over_size": 0.3, "fine_over_rate": 0.3, "own": 0.03, "own_long": 0.015,
}  # fmt: skip
_OWN_OVER_RATE = 0.06
_MOST = 500  # codes that the parameters are found with
_CHUNK = 4000


@dataclass(frozen=True)
class Codes:
    """Holds codes as arrays: bits, code rate, modulation order, base graph."""

    bits: Array
    rate: Array
    order: Array
    graph: Array

    def __getitem__(self, which: Array | slice) -> Codes:
        return Codes(self.bits[which], self.rate[which], self.order[which], self.graph[which])


@dataclass(frozen=True)
class _Features:
    size: Tensor  # logarithm
    rate: Tensor  # logarithm of the odds
    bits: Tensor
    order: Tensor
    lifting: Tensor
    trend: Tensor


class Process:
    """Computes a Gaussian process of one value, conditioned on measured codes."""

    def __init__(self, at: Codes, value: Array, variance: Array) -> None:
        self.at, self.value = _features(at), torch.from_numpy(value)
        self.variance = torch.from_numpy(variance)
        some = torch.from_numpy(np.random.default_rng(1).permutation(len(value))[:_MOST])
        self._parameters = self._search(some)
        covariance = self._kernel(self.at, self.at, self._parameters) + torch.diag(self.variance)
        self._inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
        self._weights = self._inverse @ self.value

    @property
    def parameters(self) -> dict[str, float]:
        """Returns sizes and lengths of the parts."""
        return {name: round(float(value.exp()), 4) for name, value in zip(START, self._parameters, strict=True)}

    def predict(self, at: Codes) -> Array:
        """Computes the mean at codes."""
        parts = [_features(at[slice(k, k + _CHUNK)]) for k in range(0, len(at.bits), _CHUNK)]
        return torch.cat([self._kernel(p, self.at, self._parameters) @ self._weights for p in parts]).numpy()

    def deviation(self, at: Codes) -> Array:
        """Computes the standard deviation at codes."""
        found = []
        for k in range(0, len(at.bits), _CHUNK):
            part = _features(at[slice(k, k + _CHUNK)])
            cross = self._kernel(part, self.at, self._parameters)
            own = torch.stack([self._kernel(*[_one(part, i)] * 2, self._parameters)[0, 0] for i in range(len(cross))])
            found.append((own - ((cross @ self._inverse) * cross).sum(1)).clamp_(min=0).sqrt_())
        return torch.cat(found).numpy()

    def left_out(self) -> tuple[Array, Array]:
        """Computes the error of each measured code's prediction from all others, and its expected standard
        deviation.
        """
        diagonal = self._inverse.diagonal()
        return (-self._weights / diagonal).numpy(), diagonal.rsqrt().numpy()

    def _search(self, some: Tensor) -> Tensor:
        at, value, variance = _pick(self.at, some), self.value[some], self.variance[some]
        start = torch.tensor(list(START.values()), dtype=torch.float64).log()
        parameters = start.clone().requires_grad_(True)
        search = torch.optim.LBFGS([parameters], max_iter=40, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            search.zero_grad()
            factor = torch.linalg.cholesky(self._kernel(at, at, parameters) + torch.diag(variance))
            fit = 0.5 * value @ torch.cholesky_solve(value[:, None], factor)[:, 0] + factor.diagonal().log().sum()
            total: Tensor = fit + 0.5 * ((parameters - start) ** 2).sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        search.step(loss)  # type: ignore[no-untyped-call]
        return parameters.detach()

    @staticmethod
    def _kernel(a: _Features, b: _Features, parameters: Tensor) -> Tensor:
        of = dict(zip(START, parameters.exp(), strict=True))
        size, rate = a.size[:, None] - b.size, a.rate[:, None] - b.rate
        same = (a.order[:, None] == b.order).double()
        short = (100 / a.bits)[:, None] * (100 / b.bits)
        total = 4.0 * a.trend @ b.trend.T + 0.25 * same * (a.trend[:, :3] @ b.trend[:, :3].T)
        wide = _near(rate, of["over_rate"])
        total = total + wide * _near(size, of["over_size"]) * (of["smooth"] ** 2 + of["modulation"] ** 2 * same)
        total = total + of["set"] ** 2 * (a.lifting[:, None] == b.lifting) * _near(size, of["set_over_size"]) * wide
        fine = _near(size, of["fine_over_size"]) * _near(rate, of["fine_over_rate"])
        total = total + of["fine"] ** 2 * short.sqrt() * fine
        own = same * (a.bits[:, None] == b.bits) * _near(rate, torch.tensor(_OWN_OVER_RATE))
        return total + own * (of["own"] ** 2 * short + of["own_long"] ** 2)


def _near(distance: Tensor, length: Tensor) -> Tensor:
    return torch.exp(-0.5 * (distance / length) ** 2)


def _pick(at: _Features, which: Tensor) -> _Features:
    return _Features(*(getattr(at, name)[which] for name in at.__dataclass_fields__))


def _one(at: _Features, place: int) -> _Features:
    return _pick(at, torch.tensor([place]))


def _features(at: Codes) -> _Features:
    size, rate = np.log(at.bits / 500), np.log(at.rate / (1 - at.rate))
    root, tilt = np.exp(-0.5 * size), np.tanh(rate / 2)  # the latter is 2 r - 1
    trend = np.stack([np.ones(len(size)), root, tilt, root * root, root * tilt, tilt * tilt], -1)
    columns = (size, rate, at.bits, at.order, lifting_set(at), trend)
    return _Features(*(torch.from_numpy(np.asarray(column, float)) for column in columns))


def lifting_set(at: Codes) -> Array:
    """Computes the set of lifting sizes (2, 3, 5, 7, 9, 11, 13 or 15 times a power of two) of each code, TS 38.212
    Table 5.3.2-1.
    """
    columns = np.select([at.graph == 1, at.bits > 640, at.bits > 560, at.bits > 192], [22, 10, 9, 8], 6)
    sizes = sorted({a * 2**j for a in (2, 3, 5, 7, 9, 11, 13, 15) for j in range(8) if a * 2**j <= 384})
    chosen = np.array(sizes)[np.searchsorted(sizes, at.bits / columns)]
    return np.asarray(chosen // (chosen & -chosen))
