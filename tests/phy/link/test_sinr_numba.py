"""What users hear and report in compiled loops, against torch, plain numbers and the same loops in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from phy.link import sinr_numba
from phy.link.dominant_interferers import DominantLinks, dominant_links
from phy.link.response import FrequencyBasis, Response, SymmetricBasis
from phy.link.sinr import sinr
from phy.link.sinr_numba import CellLinks, SinrAndReports
from phy.numerics import log_grid
from phy.numerics.jit import compiled
from phy.numerics.log_grid_numba import grid_index

Array = np.ndarray
DTYPES = (torch.float32, torch.float64)
TABLE = torch.linspace(0.0, 700.0, log_grid.SIZE, dtype=torch.float64)


@compiled
def indices(powers: Array, out: Array) -> None:
    for i in range(len(powers)):
        out[i] = grid_index(powers[i])


def index_of(powers: Array) -> Array:
    out = np.empty(len(powers), np.int64)
    indices(powers, out)
    return out


def in_python(function: Any) -> Any:
    """The loops that were compiled."""
    return getattr(function, "machine_code", function).py_func


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_places_on_the_grid_are_those_of_torch(kind: type[np.floating[Any]]) -> None:
    edges = log_grid.edges().numpy()
    near = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, np.inf)])
    rounds = np.nextafter(edges.astype(np.float32), np.float32(0)).astype(np.float64)
    least = [0.0, 5e-324, 1e-310, 1e-45, 1e-40, float(np.finfo(np.float32).tiny), 1e-30]
    most = [1e30, float(np.finfo(np.float32).max), 3.5e38, 1e300, np.inf]
    luck = np.random.default_rng(1)
    some = np.exp(luck.uniform(-100, 90, 20000))
    with np.errstate(over="ignore", under="ignore"):
        powers = np.concatenate([near, rounds, (near + rounds[0]) / 2, least, most, some]).astype(kind)
    found = index_of(powers)
    assert np.array_equal(found, log_grid.index(torch.from_numpy(powers)).numpy())
    assert found.min() == 0 and found.max() == log_grid.SIZE - 1 and len(np.unique(found)) == log_grid.SIZE


def test_a_place_is_the_bin_that_holds_the_power() -> None:
    """Against a search among the edges, in another way than either form computes it."""
    powers = np.exp(np.random.default_rng(2).uniform(-6.5, 12, 5000)).astype(np.float32)
    place = np.searchsorted(log_grid.edges().numpy(), powers.astype(np.float64), side="right") - 1
    assert np.array_equal(index_of(powers), place)


def scene(
    cells: int, prbs: int, users: int, dtype: torch.dtype, seed: int, folded: bool = False
) -> tuple[Response, Tensor, Tensor]:
    """Responses of one drop, own cells and activity."""
    luck = torch.Generator().manual_seed(seed)
    loud = 10 ** torch.empty((1, users, cells, 1), dtype=dtype).uniform_(-1.5, 1.5, generator=luck)
    coordinates = (torch.randn((1, users, cells, 8), generator=luck, dtype=dtype) * loud).flatten(2)
    to_prbs = torch.randn((4, prbs) if folded else (8, 2 * prbs), generator=luck, dtype=dtype)
    serving = torch.randint(0, cells, (1, users), generator=luck)
    response = Response(coordinates, SymmetricBasis(to_prbs) if folded else FrequencyBasis(to_prbs))
    return response, serving, torch.rand((1, cells, prbs), generator=luck, dtype=dtype)


def hear(response: Response, serving: Tensor, activity: Tensor) -> SinrAndReports:
    """What the users of all drops hear."""
    (drops, users, _), prbs, table = response.coordinates.shape, activity.shape[2], TABLE.to(activity.dtype).numpy()
    out = SinrAndReports(
        *(np.full(size, np.nan, table.dtype) for size in ((drops, users, prbs),) * 2 + ((drops, users),))
    )
    some = response.dominant
    cell = torch.arange(activity.shape[1]).expand(drops, users, -1).contiguous() if some is None else some.cell
    rest = activity.new_empty((drops, 0, prbs)) if some is None else some.interference(activity)
    links = CellLinks(cell.numpy(), serving.numpy(), activity.numpy(), rest.numpy())
    sinr_numba.sinr(range(drops), response, links, table, out)
    return out


def require_sinr(heard: SinrAndReports, wanted: Tensor) -> None:
    """Equality up to rounding."""
    rtol = 2e-5 if wanted.dtype == torch.float32 else 1e-13
    np.testing.assert_allclose(heard.sinr, wanted.numpy(), rtol=rtol, atol=1e-12)


def require_reports(heard: SinrAndReports) -> None:
    bits = TABLE.numpy().astype(heard.sinr.dtype)[log_grid.index(torch.from_numpy(heard.sinr)).numpy()]
    assert np.array_equal(heard.bits, bits)
    rtol = 1e-6 if bits.dtype == np.float32 else 1e-14
    assert np.allclose(heard.mean_bits, bits.astype(np.float64).mean(-1), rtol=rtol)


cells_ = st.integers(1, 57)
prbs_ = st.sampled_from((1, 2, 3, 4, 5, 7, 8, 9, 16, 25, 31, 32, 33, 63, 64, 65, 100, 273))


@settings(max_examples=150, deadline=None)
@given(cells_, prbs_, st.sampled_from((1, 2, 5, 40)), st.sampled_from(DTYPES), st.integers(0, 2**20), st.booleans())
def test_sinr_is_that_of_torch(cells: int, prbs: int, users: int, dtype: torch.dtype, seed: int, folded: bool) -> None:
    response, serving, activity = scene(cells, prbs, users, dtype, seed, folded)
    heard = hear(response, serving, activity)
    require_sinr(heard, sinr(response, serving, activity))
    require_reports(heard)


@settings(max_examples=150, deadline=None)
@given(cells_, st.integers(0, 40), prbs_, st.sampled_from((1, 5, 40)), st.sampled_from(DTYPES), st.integers(0, 2**20))
def test_sinr_is_that_of_torch_where_some_links_fade(
    cells: int, some: int, prbs: int, users: int, dtype: torch.dtype, seed: int
) -> None:
    all_, serving, activity = scene(cells, prbs, users, dtype, seed, folded=seed % 2 == 1)
    faded = part_of(all_.coordinates, serving, min(some, cells - 1))
    place = faded.cell[..., None].expand(-1, -1, -1, 8)
    own = Response(all_.coordinates.view(1, users, cells, 8).gather(2, place).flatten(2), all_.basis, faded)
    heard = hear(own, serving, activity)
    require_sinr(heard, sinr(own, serving, activity))
    require_reports(heard)


def part_of(coordinates: Tensor, serving: Tensor, some: int) -> DominantLinks:
    loud = coordinates.view(*coordinates.shape[:2], -1, 8).square().mean(-1)
    return dominant_links(loud, serving, some)


def whole(basis: Any, prbs: int) -> Array:
    """The matrix [2D, 2K] of a basis; of a symmetric one, from its even and odd parts, h(-f) = conj h(f)."""
    matrix = basis.matrix.double().numpy()
    if isinstance(basis, FrequencyBasis):
        return matrix
    even, odd = matrix[:, : prbs - prbs // 2], matrix[:, prbs - prbs // 2 :]
    below = even + 1j * np.pad(odd, ((0, 0), (0, prbs % 2)))
    function = np.concatenate((below, below[:, : prbs // 2][:, ::-1].conj()), 1)
    return np.block([[function.real, function.imag], [-function.imag, function.real]])


def sinr_of_plain_numbers(response: Response, serving: Tensor, activity: Tensor) -> Array:
    """From the formula, one user and one PRB at a time, in float64."""
    users, cells, prbs = serving.shape[1], activity.shape[1], activity.shape[2]
    x, way = response.coordinates.double().numpy().reshape(users, cells, -1), whole(response.basis, prbs)
    out = np.empty((users, prbs))
    for u in range(users):
        for k in range(prbs):
            power = [(x[u, c] @ way[:, k]) ** 2 + (x[u, c] @ way[:, prbs + k]) ** 2 for c in range(cells)]
            own = int(serving[0, u])
            noise = 1.0 + sum(power[c] * float(activity[0, c, k]) for c in range(cells) if c != own)
            out[u, k] = power[own] / noise
    return out


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (torch.float64, 1e-11)])
@pytest.mark.parametrize("cells", [1, 2, 7, 21, 40])
@pytest.mark.parametrize(("prbs", "folded"), [(6, False), (6, True), (7, True)])
def test_sinr_is_that_of_the_formula(prbs: int, folded: bool, cells: int, dtype: torch.dtype, rtol: float) -> None:
    response, serving, activity = scene(cells, prbs, 9, dtype, 8, folded)
    activity = (activity < 0.6).to(dtype)
    expected = sinr_of_plain_numbers(response, serving, activity)
    heard = hear(response, serving, activity)
    for got in (heard.sinr[0], sinr(response, serving, activity)[0].numpy()):
        assert np.allclose(got, expected, rtol=rtol, atol=1e-6 if dtype == torch.float32 else 0)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("folded", [False, True])
def test_hear_in_machine_code_is_hear_in_python(folded: bool, kind: type[np.floating[Any]], rest: bool) -> None:
    luck = np.random.default_rng(3)
    count, prbs, users, first = 19, 5, 4, 1
    response = luck.normal(size=((users - first) * count, 2 * prbs)).astype(kind)
    response = response.reshape(-1, prbs) if folded else response
    cell = np.argsort(luck.random((2, users, 24)))[..., :count].copy()
    serving = cell[..., 0 if rest else 7].copy()
    activity = luck.random((2, 24, prbs)).astype(kind)
    more = luck.random((2, users if rest else 0, prbs)).astype(kind)
    links, table = CellLinks(cell, serving, activity, more), TABLE.numpy().astype(kind)
    size = (2, users, prbs)
    outs = [SinrAndReports(*(np.full(shape, np.nan, kind) for shape in (size, size, size[:2]))) for _ in range(2)]
    given = 1, first, users, response, sinr_numba.in_order(prbs, folded), links, table
    sinr_numba.sinr_and_reports(*given, outs[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(sinr_numba), "reported", reported)
        patch.setitem(vars(sinr_numba), "link_power", sinr_numba.link_power.py_func)
        in_python(sinr_numba.sinr_and_reports)(*given, outs[1])
    for fast, slow in zip(*outs, strict=True):
        assert np.array_equal(fast, slow, equal_nan=True)
        written = ~np.isnan(fast)
        assert written[1, first:].all() and not written[0].any() and not written[1, :first].any()


def reported(sinr: Array, table: Array, bits: Array) -> float:
    """What the loops do, in numpy."""
    bits[:] = table[log_grid.index(torch.from_numpy(np.ascontiguousarray(sinr))).numpy()]
    return float(sum(bits.tolist())) / len(sinr)
