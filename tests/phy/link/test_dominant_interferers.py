"""Some interferers of each user fade, and the others are heard at their mean: the mode and its error."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import oracles_dominant_interferers as oracle
import pytest
import torch
from torch import Tensor

from allocators.registry import resolve
from mac.core.loop import Span, run
from mac.engine.engine import Engine
from mac.scheduling.problem import SchedulingProblem
from phy.channel.channel import Channel, build_channel
from phy.channel.fading import SmallScale
from phy.link import sinr_numba
from phy.link.dominant_interferers import dominant_links
from phy.link.response import FrequencyBasis, Response
from phy.link.sinr import sinr
from phy.numerics import log_grid
from phy.power_consumption import PowerSettings
from phy.random import Drops
from scenarios import families, load
from scenarios.families.cellular.engine_factory import channel_plan
from scenarios.families.cellular.scenario import CellularScenario

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "topology.sites": 7,
    "topology.sectors": 1,
    "carrier.prbs": 6,
    "users.ftp.count": 2,
    "attachment": "cell_area",
    "duration_s": 0.1,
    "warmup_s": 0,
}
"""Seven cells, two users each, some of which are not served by the cell that they hear best."""
BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def small(faded: int | None, **change: Any) -> CellularScenario:
    scenario = load("scheduling-macro", **{**SMALL, "fading.dominant_interferers": faded, **change})
    assert isinstance(scenario, CellularScenario)
    return scenario


def channel(faded: int | None, drops: Drops, dtype: torch.dtype = torch.float64, **change: Any) -> Channel:
    return build_channel(drops, channel_plan(small(faded, **change)), CPU, dtype)


def busy(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Activity: a third of the PRBs idle, a third in full use, the others in part."""
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (3.0 * drawn - 1.0).clamp(0.0, 1.0).to(dtype)


def heard(channel: Channel, activity: Tensor, slot: int = 7) -> Tensor:
    fading = channel.fading
    return sinr(response_of(fading, slot), channel.serving, activity)


def response_of(fading: SmallScale, slot: int) -> Response:
    coordinates = fading.coordinates(slot, 1, 1e-3)[:, :, 0]
    return Response(coordinates, FrequencyBasis(fading.to_prbs), fading.dominant)


def compiled_sinr(response: Response, serving: Tensor, activity: Tensor, drops: range) -> Tensor:
    """As :func:`phy.link.sinr.sinr`, by compiled loops; NaN in the rows of drops that were not asked for."""
    batch, users, _ = response.coordinates.shape
    (cells, prbs), faded = activity.shape[1:], response.dominant
    if faded is None:
        cell, rest = torch.arange(cells).expand(batch, users, -1).contiguous(), activity.new_empty((batch, 0, prbs))
    else:
        cell, rest = faded.cell, faded.interference(activity)
    links = sinr_numba.CellLinks(cell.numpy(), serving.numpy(), activity.numpy(), rest.numpy())
    out = torch.full((batch, users, prbs), torch.nan, dtype=activity.dtype)
    heard = sinr_numba.SinrAndReports(out.numpy(), torch.empty_like(out).numpy(), torch.empty_like(out[..., 0]).numpy())
    no_reports = torch.zeros(log_grid.SIZE, dtype=activity.dtype).numpy()
    sinr_numba.sinr(drops, response, links, no_reports, heard)
    return out


def heard_compiled(channel: Channel, activity: Tensor, slot: int = 7) -> Tensor:
    return compiled_sinr(response_of(channel.fading, slot), channel.serving, activity, range(len(activity)))


def gathered(values: Tensor, cell: Tensor, size: int) -> Tensor:
    """Values ``[B, U, rays, J * size]`` of the cells ``[B, U, J]``, out of all ``[B, U, rays, C * size]``."""
    batch, users, rows, _ = values.shape
    index = cell[:, :, None, :, None].expand(-1, -1, rows, -1, size)
    return values.view(batch, users, rows, -1, size).gather(3, index).flatten(3)


# Which cells fade.


@BOTH
@pytest.mark.parametrize("interferers", [0, 1, 3, 8])
def test_the_strongest_fade_and_the_own_cell_before_them(interferers: int, dtype: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(interferers)
    snr = torch.randint(0, 4, (2, 40, 9), generator=rng).to(dtype)  # four levels, so that every user has ties
    serving = torch.randint(0, 9, (2, 40), generator=rng)
    snr.scatter_(2, serving[:, :20, None], -0.0)  # the own cell is the weakest of half of the users
    faded = dominant_links(snr, serving, interferers)
    assert faded.cell.dtype == torch.int64 and faded.rest_snr.dtype == dtype
    for b in range(2):
        wanted = oracle.chosen(snr[b].tolist(), serving[b], interferers)
        assert faded.cell[b].tolist() == wanted
        for u in range(40):
            rest = [0.0 if c in wanted[u] else float(snr[b, u, c]) for c in range(9)]
            assert faded.rest_snr[b, u].tolist() == rest


@BOTH
def test_the_rays_are_those_of_the_exact_mode(dtype: torch.dtype) -> None:
    drops = Drops(1, (0, 4))
    crowd = {"users.ftp.count": 5}  # more than are drawn at once
    exact, some = channel(None, drops, dtype, **crowd), channel(2, drops, dtype, **crowd)
    assert exact.fading.dominant is None and some.fading.dominant is not None
    assert torch.equal(some.mean_snr, exact.mean_snr) and torch.equal(some.serving, exact.serving)
    assert some.fading.dominant.cell.shape == (2, 35, 3)
    rays = gathered(exact.fading.rays, some.fading.dominant.cell, len(exact.fading.to_prbs))
    assert torch.equal(some.fading.rays, rays)
    assert torch.equal(some.fading.doppler_hz, exact.fading.doppler_hz)


# What is heard.


@pytest.mark.parametrize("interferers", [0, 1, 3])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 2e-4), (torch.float64, 1e-10)])
def test_sinr_is_that_of_plain_loops(interferers: int, dtype: torch.dtype, near: float) -> None:
    drop = Drops(2, (3,))
    exact, some = channel(None, drop), channel(interferers, drop, dtype)
    power = oracle.powers(exact.fading.rays[0], exact.fading.doppler_hz[0], exact.fading.to_prbs, 7e-3)
    activity = busy(interferers, 1, 7, 6)
    wanted = oracle.sinr(power, exact.mean_snr[0].tolist(), exact.serving[0], activity[0], interferers)
    for form in (heard, heard_compiled):
        got = form(some, activity.to(dtype))
        assert got.dtype == dtype
        np.testing.assert_allclose(got[0].double().numpy(), np.array(wanted), rtol=near)


def made_up(interferers: int, prbs: int, dtype: torch.dtype) -> tuple[Response, Tensor, Tensor]:
    """Responses of some links, own cells and activity of 2 drops, 37 users, 24 cells."""
    rng = torch.Generator().manual_seed(interferers)
    snr = (torch.randn((2, 37, 24), generator=rng, dtype=torch.float64) * 3).exp().to(dtype)
    serving = torch.randint(0, 24, (2, 37), generator=rng)
    faded = dominant_links(snr, serving, interferers)
    scale = snr.gather(2, faded.cell).sqrt().repeat_interleave(8, 2)
    coordinates = torch.randn((2, 37, (interferers + 1) * 8), generator=rng, dtype=dtype) * scale
    to_prbs = torch.randn((8, 2 * prbs), generator=rng, dtype=dtype)
    response = Response(coordinates, FrequencyBasis(to_prbs), faded)
    return response, serving, busy(interferers, 2, 24, prbs, dtype=dtype)


def both_forms(interferers: int | None, prbs: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    response, serving, activity = made_up(23 if interferers is None else interferers, prbs, dtype)
    if interferers is None:  # with all 24 cells the links are in the order of the cells
        response = replace(response, dominant=None)
    return sinr(response, serving, activity), compiled_sinr(response, serving, activity, range(2))


@BOTH
@pytest.mark.parametrize(
    ("interferers", "prbs"),
    [
        (0, 25),
        (1, 25),
        (2, 6),
        (3, 50),
        (5, 25),
        (8, 100),
        (15, 31),
        (16, 64),
        (17, 32),
        (22, 50),
        (None, 25),
        (None, 50),
    ],
)
def test_compiled_loops_hear_the_same(
    interferers: int | None, prbs: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_form, compiled = both_forms(interferers, prbs, dtype)
    assert torch.isfinite(torch_form).all()
    near = 2e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(compiled, torch_form, rtol=near, atol=0.0)
    # and in blocks of few users, the last of which is not full
    monkeypatch.setattr("phy.link.sinr_numba._BLOCK_BYTES", 1 << 13)
    torch.testing.assert_close(both_forms(interferers, prbs, dtype)[1], torch_form, rtol=near, atol=0.0)


def test_threads_hear_their_own_drops_alone() -> None:
    made = made_up(3, 25, torch.float32)
    whole, part = (compiled_sinr(*made, drops) for drops in (range(2), range(1, 2)))
    assert torch.equal(part[1], whole[1])
    assert part[0].isnan().all()


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_where_all_fade_the_sinr_is_exact(dtype: torch.dtype, near: float) -> None:
    exact = channel(None, Drops(1, (0, 1)), dtype)
    size, activity = len(exact.fading.to_prbs), busy(5, 2, 7, 6, dtype=dtype)
    faded = dominant_links(exact.mean_snr, exact.serving, 6)
    assert not faded.rest_snr.any()
    coordinates = exact.fading.coordinates(7, 1, 1e-3)
    some = gathered(coordinates, faded.cell, size)[:, :, 0]
    got = sinr(Response(some, FrequencyBasis(exact.fading.to_prbs), faded), exact.serving, activity)
    torch.testing.assert_close(got, heard(exact, activity), rtol=near, atol=0.0)


@pytest.mark.parametrize("interferers", [6, 7, 1000])
def test_as_many_as_there_are_others_is_exact(interferers: int) -> None:
    drop = Drops(1, (2,))
    exact, asked = channel(None, drop), channel(interferers, drop)
    assert asked.fading.dominant is None
    assert torch.equal(asked.fading.rays, exact.fading.rays)


# Drops, engines, runs.


@BOTH
@pytest.mark.parametrize("form", [heard, heard_compiled])
def test_a_drop_is_the_same_alone_and_in_a_batch(form: Any, dtype: torch.dtype) -> None:
    ids = (9, 2, 5)
    activity = busy(1, 3, 7, 6, dtype=dtype)
    together = form(channel(3, Drops(1, ids), dtype), activity)
    for place, number in enumerate(ids):
        alone = form(channel(3, Drops(1, (number,)), dtype), activity[place : place + 1])
        assert torch.equal(alone[0], together[place])


def problem_of(faded: int | None, drops: Drops) -> SchedulingProblem:
    scenario = small(faded, **{"carrier.prbs": 12, "users.ftp.traffic": {"model": "full_buffer"}})
    made = families.find("scheduling").build(scenario, drops, CPU, torch.float32)
    assert isinstance(made, SchedulingProblem)
    return made


def windows(problem: SchedulingProblem) -> dict[str, np.ndarray]:
    allocator = resolve("proportional_fair", "scheduling")
    return dict(run(problem, allocator, Span(intervals=100, warmup=20, window=20)).arrays)


def test_runs_are_alike_compiled_or_not_and_alone_or_in_a_batch() -> None:
    made = problem_of(2, Drops(1, (4, 0)))
    assert made.backend == "numba"
    compiled = windows(made)
    in_torch = windows(SchedulingProblem(Engine(replace(made.engine.parts, backend="torch")), PowerSettings()))
    alone = windows(problem_of(2, Drops(1, (0,))))
    assert compiled["served_bits"].sum() > 0
    for name, values in compiled.items():
        np.testing.assert_allclose(in_torch[name], values, rtol=1e-6, err_msg=name)
        np.testing.assert_array_equal(alone[name][0], values[1], err_msg=name)


def test_fewer_faded_links_have_fewer_rays_and_serve_a_little_differently() -> None:
    exact, some = problem_of(None, Drops(1, (0,))), problem_of(2, Drops(1, (0,)))
    rays = [made.engine.parts.channel.fading.rays.numel() for made in (exact, some)]  # type: ignore[attr-defined]
    assert rays[0] * 3 == rays[1] * 7
    served = [windows(made)["served_bits"].sum() for made in (exact, some)]
    assert served[0] != served[1]
    assert served[1] == pytest.approx(served[0], rel=0.1)


def test_estimates_know_that_fewer_links_fade() -> None:
    family = families.find("scheduling")
    exact, some, all_ = small(None), small(2), small(6)
    for estimate in (family.estimate_bytes, family.estimate_seconds):
        assert estimate(some, 8) < estimate(exact, 8)
        assert estimate(all_, 8) == estimate(exact, 8)
    assert family.best_batch(some, "cpu") >= family.best_batch(exact, "cpu")


# How far off it is.


@pytest.mark.parametrize("interferers", [0, 2])
def test_mean_interference_is_that_of_the_exact_mode(interferers: int) -> None:
    drops = Drops(3, tuple(range(12)))
    exact, some = channel(None, drops), channel(interferers, drops)
    assert some.fading.dominant is not None
    activity = busy(8, 12, 7, 6)
    mean = torch.zeros(12, 14, 7, dtype=torch.float64)
    for slot in range(0, 2000, 50):
        power = response_of(exact.fading, slot).power()
        mean += (power * activity[:, None]).mean(-1) / 40
    left_out = some.fading.dominant.rest_snr > 0
    ratio = (mean * left_out).sum(-1) / some.fading.dominant.interference(activity).mean(-1)
    per_drop = ratio.mean(1)
    error = float(per_drop.std() / len(per_drop) ** 0.5)
    assert error < 0.03
    assert abs(float(per_drop.mean()) - 1.0) < 4 * error


@pytest.fixture
def benchmark_() -> ModuleType:
    return importlib.import_module("benchmarks.approximations.dominant_interferers")


def test_what_the_benchmark_compares_is_the_setting(benchmark_: ModuleType) -> None:
    drop, numbers = Drops(1, (6,)), (0, 2, 5)
    exact, activity = channel(None, drop), busy(3, 7, 6)
    power = response_of(exact.fading, 7).power()[0]
    *some, whole = benchmark_._sinrs(exact, power, activity, numbers)
    torch.testing.assert_close(whole, heard(exact, activity[None])[0], rtol=1e-12, atol=0.0)
    for number, got in zip(numbers, some, strict=True):
        torch.testing.assert_close(got, heard(channel(number, drop), activity[None])[0], rtol=1e-10, atol=0.0)


def test_quantiles_of_histograms_are_those_of_the_values(benchmark_: ModuleType) -> None:
    level = torch.randn(4000, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 8 + 3
    counts = benchmark_.histogram(10 ** (level / 10))
    got = benchmark_.Histograms(np.stack([counts, counts])[:, None]).quantiles()[0]
    wanted = np.quantile(level.numpy(), benchmark_.QUANTILES)
    np.testing.assert_allclose(got, wanted, atol=0.03)  # between neighbours; bins are 0.002 dB


def test_what_a_basis_leaves_out_goes_to_nothing(benchmark_: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    delay_basis = importlib.import_module("benchmarks.approximations.delay_basis")
    monkeypatch.setattr(delay_basis, "ERRORS", (0.3, 0.003, delay_basis._NOTHING))
    plan = channel_plan(small(None, **{"users.ftp.count": 5, "carrier.prbs": 25}))
    found, sizes = delay_basis.histograms(plan, 1e-3, 3)
    assert sizes == sorted(sizes) and sizes[-2:] == [25, 25]
    (most, least, nothing), _ = found.errors()
    assert not nothing.any() and 0 < np.abs(least).max() < 0.15 < np.abs(most).max()


def test_quantiles_are_within_a_tenth_of_a_db_where_few_fade(benchmark_: ModuleType) -> None:
    plan = channel_plan(small(None, **{"users.ftp.count": 5, "carrier.prbs": 25}))
    found = benchmark_.sinr_histograms(plan, 1e-3, range(12), (0, 4, 6))
    error, deviation = found["full"].errors()
    assert np.abs(error[0]).max() > 0.5  # of all interferers heard at their mean, which is no good
    assert np.abs(error[1]).max() < 0.1
    assert np.abs(error[2]).max() < 1e-3 and deviation[2].max() < 1e-3  # all fade
    half, _ = found["half"].errors()
    assert np.abs(half[1]).max() > np.abs(error[1]).max()  # where a strong cell is silent, weak ones matter
