"""``channel.provider: sionna``: Sionna's own rays under the same engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from sionna_cases import CARRIER_HZ, CPU, SPEED_MPS, apart, of_sionna, plan, response
from torch import Tensor

import scenarios
from phy.antenna.element import gain_db
from phy.channel.channel import Channel, ChannelPlan, build_channel, place_users
from phy.link.response import Response, basis_of
from phy.link.sinr import sinr
from phy.random import Drops
from phy.sionna_adapter.channel import amplitudes, build_sionna_channel, draw_links, sorted_by_power
from phy.sionna_adapter.ray_fading import RayFading
from phy.topology.sites import displacement
from phy.units import SPEED_OF_LIGHT_MPS
from scenarios import families, load
from scenarios.errors import ScenarioError

OMNI: dict[str, Any] = {"sectors": 1}
SINGLE: dict[str, Any] = {"layout": "single", "sectors": 1}


def build(of: ChannelPlan, ids: tuple[int, ...] = (0,), dtype: torch.dtype = torch.float64, seed: int = 1) -> Channel:
    return build_sionna_channel(Drops(seed, ids), of, CPU, dtype)


SECTORED: dict[str, Any] = {"wrap_around": True}


@pytest.mark.parametrize(
    ("topology", "antenna", "more"),
    [
        (SECTORED, {"mechanical_tilt_deg": 7.0}, {"indoor_share": 0.3}),
        ({"sites": 1}, {"polarization": "slant", "vertical_elements": 4}, {"model": "umi", "parameters": "v16"}),
        ({"sites": 1, "bs_height_m": 35.0}, {"kind": "omni"}, {"model": "rma", "in_car_share": 0.5}),
        (
            {"layout": "indoor", "sectors": 1, "isd_m": 20.0, "bs_height_m": 3.0, "min_distance_m": 0.0},
            {"mechanical_tilt_deg": 90.0, "vertical_elements": 1},
            {"model": "inh", "ue_height_m": 1.0},
        ),
    ],
)
def test_equals_what_sionna_makes_of_the_same_rays(
    topology: dict[str, Any], antenna: dict[str, Any], more: dict[str, Any]
) -> None:
    """Three instants of Sionna's own coefficients, sub-clusters included, to rounding."""
    of, drop = plan(1, topology, antenna, **more), Drops(1, (3,))
    ours = response(build(of, (3,)), 0, 3, 5e-3)[0]
    theirs = of_sionna(of, draw_links(drop, of, place_users(drop, of)[0]), 3, 200.0)
    assert (ours - theirs).abs().amax((-1, -2)).max() <= 1e-8 * theirs.abs().max()
    assert apart(ours, theirs) < 1e-5


def test_gain_of_the_column_is_that_of_our_antenna() -> None:
    """Direct rays with line of sight: both sides of the horizon, off the boresight, with both tilts."""
    of = plan(2, {"sites": 1}, {"mechanical_tilt_deg": 4.0, "electrical_tilt_deg": 102.0}, los="always")
    bare = plan(2, {"sites": 1}, {"kind": "omni"}, los="always")
    drop = Drops(2, (0,))
    position, _ = place_users(drop, of)
    direct = []
    for one in (of, bare):
        links = draw_links(drop, one, position)
        direct.append(amplitudes(one, links, sorted_by_power(links.rays))[0, :, :, :, 0].flatten(1).T.abs().square())
    path = displacement(of.topology, position)[0, :, 0]
    azimuth = torch.atan2(path[:, 1], path[:, 0]) - of.topology.azimuth_rad[:, None]
    zenith = torch.atan2(torch.hypot(path[:, 0], path[:, 1]), path[:, 2]).expand_as(azimuth)
    seen = 10 * torch.log10(direct[0] / direct[1])
    # What the vertical polarisation of a leaning panel loses to the horizontal one far off its boresight is Sionna's.
    expected = gain_db(of.antenna, azimuth, zenith)
    front = azimuth.cos() > 0.5
    assert front.sum() >= 3
    assert (seen - expected)[front].abs().max() < 0.1


def test_means_shares_and_powers() -> None:
    """mean_snr is the mean of |h|^2 over a long walk; the strongest serves."""
    of = plan(4, SINGLE, speed_mps=30.0)
    channel = build(of, (0, 1, 2))
    power = torch.stack([response(channel, 37 * n, 1)[:, :, :, 0].abs().square() for n in range(200)]).mean((0, -1))
    ratio = 10 * torch.log10(power / channel.mean_snr)
    assert ratio.abs().max() < 1.5
    assert ratio.mean().abs() < 0.2
    sectored = build(plan(1, SECTORED, prbs=1))
    assert torch.equal(sectored.serving, sectored.mean_snr.argmax(-1))


def test_a_drop_alone_is_the_drop_in_a_batch_and_the_seed_decides() -> None:
    of = plan(2, OMNI, prbs=6, indoor_share=0.5)
    batch, alone = build(of, (4, 7, 9), torch.float32), build(of, (7,), torch.float32)
    for seen, expected in zip(parts(batch), parts(alone), strict=True):
        assert torch.equal(seen[1:2], expected)
    for seen, expected in zip(parts(build(of, (7, 4, 7), torch.float32)), parts(batch), strict=True):
        assert torch.equal(seen, expected[[1, 0, 1]])  # two allocators on one drop
    other = build(of, (7,), torch.float32, seed=2)
    assert not torch.equal(other.mean_snr, alone.mean_snr)


def parts(channel: Channel) -> tuple[Tensor, ...]:
    return channel.mean_snr, channel.serving, channel.position_m, channel.fading.coordinates(1234, 3, 1e-3)


def test_a_slot_does_not_depend_on_the_block_it_is_asked_in() -> None:
    channel = build(plan(2, SECTORED, prbs=5), dtype=torch.float32)
    block = channel.fading.coordinates(990, 10, 1e-3)
    for slot in (0, 3, 9):
        assert torch.equal(channel.fading.coordinates(990 + slot, 1, 1e-3)[:, :, 0], block[:, :, slot])
    assert not torch.equal(block[:, :, 0], block[:, :, 9])


def test_plans_for_what_it_takes() -> None:
    """More memory and time than our own air, and in proportion to links."""
    ours, theirs, large = (
        load("scheduling-macro", **{"channel.provider": provider, "topology.sites": sites})
        for provider, sites in (("fairwave", 7), ("sionna", 7), ("sionna", 19))
    )
    family = families.find("scheduling")
    for estimate in (family.estimate_bytes, family.estimate_seconds):
        assert estimate(ours, 2) < estimate(theirs, 2) < estimate(theirs, 4) < estimate(large, 4)


def test_users_that_stand_still_see_no_change() -> None:
    channel = build(plan(2, SINGLE, speed_mps=0.0))
    assert torch.equal(channel.fading.coordinates(0, 1, 1e-3), channel.fading.coordinates(5000, 1, 1e-3))


def test_generators_are_left_as_they_were() -> None:
    from sionna.phy import config

    states: list[Callable[[], Tensor]] = [torch.get_rng_state, config.torch_rng("cpu").get_state]
    before = [state() for state in states]
    build(plan(1, SINGLE))
    for state, was in zip(states, before, strict=True):
        assert torch.equal(state(), was)


def test_autocorrelation_over_time() -> None:
    """Users head anywhere, so that a ray's turns are in the mean those of a Bessel function of its elevation.

    800 links without line of sight. The mean over headings is taken ray by ray, which leaves chance a standard error
    of 0.006; that of the responses themselves is 0.025. Rays from the horizontal alone would miss by 0.1.
    """
    of, ids = plan(20, SINGLE, prbs=1, los="never"), tuple(range(40))
    channel = build(of, ids)
    fading = cast(RayFading, channel.fading)
    h, power = response(channel, 0, 7, 2e-3)[:, :, 0, :, 0], fading.rays[:, :, 0, 0].abs().square()
    drawn = [draw_links(drop, of, place_users(drop, of)[0]).rays for drop in Drops(1, ids).single()]
    scattered = torch.cat([sorted_by_power(rays).zoa[:, 0].flatten(2) for rays in drawn])
    share = power[..., 1:] / power.sum(-1, keepdim=True)
    for lag in range(1, 7):
        turns = SPEED_MPS * CARRIER_HZ / SPEED_OF_LIGHT_MPS * lag * 2e-3
        expected = (share * torch.special.bessel_j0(2 * math.pi * turns * scattered.sin())).sum(-1).mean()
        of_rays = (share * torch.exp(2j * math.pi * fading.doppler_hz[:, :, 0, 1:] * lag * 2e-3)).sum(-1)
        assert abs(complex(of_rays.mean() - expected)) < 0.02
        seen = (h[:, :, lag] * h[:, :, 0].conj() / power.sum(-1)).mean()
        assert abs(complex(seen - of_rays.mean())) < 0.08


LEVELS = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)


def full_load_db(channel: Channel, prbs: int) -> Tensor:
    batch, _, cells = channel.mean_snr.shape
    everything = torch.ones(batch, cells, prbs, dtype=channel.mean_snr.dtype)
    response = Response(channel.fading.coordinates(0, 1, 1e-3)[:, :, 0], basis_of(channel.fading.to_prbs))
    return 10 * torch.log10(sinr(response, channel.serving, everything)).double()


def test_sinr_of_sectors() -> None:
    """Quantiles at full load, where all but the places is drawn apart: one site of three sectors, 1800 users.

    Gaps are 0.3, 0.3, 0.5, 0.2 and 0.0 dB and have standard errors of 0.4 to 0.65 dB (bootstrap over drops); with twice
    the drops they are at most 0.3 dB, and in a whole network with 300 drops, too slow for a test, 0.2 dB
    (docs/models/channel-calibration.md).
    """
    of, drops = plan(10, {"layout": "single"}, {"vertical_elements": 4}, prbs=2), Drops(1, tuple(range(60)))
    both = [full_load_db(make(drops, of, CPU, torch.float32), 2) for make in (build_channel, build_sionna_channel)]
    gap = both[0].flatten().quantile(LEVELS) - both[1].flatten().quantile(LEVELS)
    assert gap.abs().max() < 0.8


SHORT: dict[str, Any] = {
    "drops": 2, "duration_s": 0.25, "warmup_s": 0.0, "allocators": ["equal"], "plots": False,
    "progress": False,
}  # fmt: skip


def test_a_scenario_runs_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result, again, ours = (
        scenarios.run("slicing-quickstart", out=out, **{"channel.provider": provider}, **SHORT)
        for out, provider in (("a", "sionna"), ("b", "sionna"), ("c", "fairwave"))
    )
    windows = [one.to_xarray("equal") for one in (result, again, ours)]
    assert windows[0].equals(windows[1])
    assert float(windows[0]["served_bits"].sum()) > 1e5
    assert (windows[0]["demand_bits"].values == windows[2]["demand_bits"].values).all()
    assert (windows[0]["served_bits"].values != windows[2]["served_bits"].values).any()


@pytest.mark.parametrize(("sectors", "users"), [(1, 2), (3, 1)])  # seven sites
def test_schedulers_run_on_networks(sectors: int, users: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = scenarios.run(
        "scheduling-macro", out="out", drops=1, duration_s=0.1, warmup_s=0.05, window_s=0.05,
        allocators=["proportional_fair"], plots=False, progress=False,
        **{"channel.provider": "sionna", "topology.sectors": sectors, "users.ftp.count": users, "carrier.prbs": 6},
    )  # fmt: skip
    windows = result.to_xarray("proportional_fair")
    assert windows.sizes["cell"] == 7 * sectors
    assert float(windows["served_bits"].sum()) > 0


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("propagation.model", "free_space", "propagation.model: free_space"),
        ("propagation.parameters", "imt2020_a", "propagation.parameters: imt2020_a"),
        ("propagation.site_correlation", 0.5, "site_correlation: 0.5"),
        ("propagation.los_transition", "soft", "los_transition: soft"),
        ("propagation.antenna_gain", "direct", "antenna_gain: direct"),
        ("fading.model", "none", "fading.model: none"),
        ("antenna", {"kind": "sector", "max_gain_dbi": 5.0}, "Table 7.3-1"),
    ],
)
def test_refuses_what_sionna_cannot_do(setting: str, value: object, named: str) -> None:
    load("slicing-quickstart", **{setting: value, "propagation.indoor_share": 0.0})
    with pytest.raises(ScenarioError) as raised:
        load("slicing-quickstart", **{setting: value, "propagation.indoor_share": 0.0, "channel.provider": "sionna"})
    assert named in str(raised.value)
    assert "channel.provider: fairwave" in str(raised.value)


def test_unknown_provider_and_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScenarioError, match=r"channel\.provider"):
        load("slicing-quickstart", **{"channel.provider": "quadriga"})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match="pip install sionna-no-rt"):
        load("slicing-quickstart", **{"channel.provider": "sionna"})
