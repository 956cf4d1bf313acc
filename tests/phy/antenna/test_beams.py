"""Beams of panels against plain loops, and power between beams against the large-scale gain of single ports."""

from __future__ import annotations

import cmath
import math
from functools import partial
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from phy.antenna.beams import BeamPanelSettings, beam_gains, panel_bearings_rad, port_polarization
from phy.antenna.element import SectorAntennaSettings, element_gain_db, gain_db
from phy.random import Drops, uniform
from phy.topology.sites import Topology, TopologySettings, build_topology
from phy.topology.users import place_per_cell
from phy.tr38901.beam_coupling import LinkEnds, Pattern, beam_power
from phy.tr38901.large_scale import LargeScalePlan, PropagationSettings, draw_large_scale_model, large_scale, site_links
from phy.units import db_to_linear

DROP = Drops(4, (2,))
TWELVE = BeamPanelSettings(
    rows=8, columns=8, port_rows=2, row_spacing_wavelengths=0.8,
    beam_azimuth_deg=(-56.25, -33.75, -11.25, 11.25, 33.75, 56.25), beam_zenith_deg=(112.5, 157.5),
)  # fmt: skip
USER = BeamPanelSettings(
    rows=2, columns=4, panel_columns=2, max_gain_dbi=5, horizontal_hpbw_deg=90, vertical_hpbw_deg=90,
    front_to_back_db=25, side_lobe_db=25, beam_azimuth_deg=(-67.5, -22.5, 22.5, 67.5), beam_zenith_deg=(45, 135),
)  # fmt: skip
COLUMN = BeamPanelSettings(rows=8, row_spacing_wavelengths=0.8, beam_zenith_deg=(99.0,))


def directions(count: int = 40) -> tuple[Tensor, Tensor]:
    draw = uniform(torch.tensor([9]), (count, 2))[0]
    return math.pi * (2.0 * draw[:, 0] - 1.0), torch.acos(1.0 - 2.0 * draw[:, 1])


def isotropic(azimuth: Tensor, zenith: Tensor) -> Tensor:
    return torch.ones_like(azimuth * zenith)[..., None]


@pytest.mark.parametrize("panel", [TWELVE, USER, BeamPanelSettings(rows=4, columns=8, port_rows=2, port_columns=2)])
def test_beams_equal_the_sum_over_their_elements(panel: BeamPanelSettings) -> None:
    """TR 38.901 clause 7.3 and the two-dimensional DFT weights of RP-180524, element by element."""
    azimuth, zenith = directions()
    found = beam_gains(panel, azimuth, zenith)
    rows, columns = panel.rows // panel.port_rows, panel.columns // panel.port_columns
    places = [
        (n * panel.column_spacing_wavelengths, m * panel.row_spacing_wavelengths)
        for n in range(columns)
        for m in range(rows)
    ]
    element = SectorAntennaSettings(
        max_gain_dbi=panel.max_gain_dbi, horizontal_hpbw_deg=panel.horizontal_hpbw_deg, vertical_elements=1,
        vertical_hpbw_deg=panel.vertical_hpbw_deg, front_to_back_db=panel.front_to_back_db,
        side_lobe_db=panel.side_lobe_db,
    )  # fmt: skip
    single = db_to_linear(element_gain_db(element, azimuth, zenith))
    aims = [(a, z) for z in panel.beam_zenith_deg for a in panel.beam_azimuth_deg]
    assert found.shape == (len(azimuth), panel.beams) == (len(azimuth), len(aims))
    for i, (phi, theta) in enumerate(zip(azimuth.tolist(), zenith.tolist(), strict=True)):
        for q, (aim_phi, aim_theta) in enumerate(aims):
            a, z = math.radians(aim_phi), math.radians(aim_theta)
            total = sum(
                cmath.exp(2j * math.pi * (y * math.sin(theta) * math.sin(phi) + h * math.cos(theta)))
                * cmath.exp(-2j * math.pi * (y * math.sin(z) * math.sin(a) + h * math.cos(z)))
                for y, h in places
            )
            expected = float(single[i]) * abs(total) ** 2 / len(places)
            assert float(found[i, q]) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("tilt", [0.0, 20.0, 90.0])
def test_one_beam_of_a_column_is_the_column_with_electrical_tilt(tilt: float) -> None:
    azimuth, zenith = directions()
    panel = BeamPanelSettings(rows=8, row_spacing_wavelengths=0.8, beam_zenith_deg=(99.0,), mechanical_tilt_deg=tilt)
    found = beam_gains(panel, azimuth, zenith)[:, 0]
    old = db_to_linear(gain_db(SectorAntennaSettings(mechanical_tilt_deg=tilt), azimuth, zenith))
    assert torch.allclose(found, old, rtol=1e-6, atol=1e-7)


def test_beams_are_near_their_peak_where_they_aim_and_a_floor_is_below_a_ceiling() -> None:
    for q, (z, a) in enumerate((z, a) for z in TWELVE.beam_zenith_deg for a in TWELVE.beam_azimuth_deg):
        towards = torch.deg2rad(torch.tensor([a, z], dtype=torch.float64))
        gains = beam_gains(TWELVE, towards[0], towards[1])
        element = db_to_linear(element_gain_db(SectorAntennaSettings(vertical_elements=1), towards[0], towards[1]))
        assert float(gains[q]) == pytest.approx(32 * float(element), rel=1e-9)
        assert int(gains.argmax()) == q
    ceiling = BeamPanelSettings(rows=4, columns=4, mechanical_tilt_deg=90)
    down, up = (torch.tensor(z, dtype=torch.float64) for z in (math.pi, 0.0))
    zero = torch.zeros((), dtype=torch.float64)
    assert beam_gains(ceiling, zero, down)[0] == pytest.approx(16 * 10**0.8)
    assert beam_gains(ceiling, zero, up)[0] < 16 * 10 ** (0.8 - 3.0) + 1e-9


def test_single_precision_is_enough() -> None:
    azimuth, zenith = directions(2000)
    exact, fast = beam_gains(TWELVE, azimuth, zenith), beam_gains(TWELVE, azimuth.float(), zenith.float())
    assert (fast.double() - exact).abs().max() < 1e-3 * 32 * 10**0.8


NETWORKS: dict[str, TopologySettings] = {
    "uma": TopologySettings(sites=7),
    "rma": TopologySettings(sites=7, isd_m=1732, bs_height_m=35),
    "inh": TopologySettings(layout="indoor", isd_m=20, bs_height_m=3, min_distance_m=0, sectors=1),
}


def network(model: str, **settings: Any) -> tuple[Topology, PropagationSettings, Tensor]:
    topology = build_topology(NETWORKS[model])
    propagation = PropagationSettings(model=model, **settings)  # type: ignore[arg-type]
    user, _ = place_per_cell(DROP.keys("place"), topology, 2, NETWORKS[model].min_distance_m, 1.5)
    return topology, propagation, user


def power(
    topology: Topology, propagation: PropagationSettings, user: Tensor, base: Pattern, terminal: Pattern
) -> Tensor:
    plan = LargeScalePlan(topology, propagation, SectorAntennaSettings(polarization="slant"), user.shape[1])
    model = draw_large_scale_model(DROP, plan)
    bearing = 2.0 * math.pi * uniform(DROP.keys("ue_bearing"), (user.shape[1],))[0]
    ends = LinkEnds(base, topology.azimuth_rad[: topology.sectors], terminal, bearing)
    return beam_power(DROP, model, site_links(model, user), ends)


@pytest.mark.parametrize("model", ["uma", "rma", "inh"])
def test_a_port_and_isotropic_users_have_the_large_scale_gain(model: str) -> None:
    topology, propagation, user = network(model, indoor_share=0.0 if model == "inh" else 0.5)
    antenna = SectorAntennaSettings(polarization="slant")
    expected = large_scale(DROP, topology, user, propagation, antenna, clusters=True).gain_db[0]
    found = power(topology, propagation, user, partial(beam_gains, COLUMN), isotropic)
    assert found.shape == (user.shape[1], topology.cells, 1, 1)
    assert (10.0 * found[..., 0, 0].log10() - expected).abs().max() < 0.01


def test_free_space_has_the_two_gains_of_the_direct_line() -> None:
    topology, _, user = network("uma")
    free = PropagationSettings(model="free_space")
    both = power(topology, free, user, partial(beam_gains, TWELVE), partial(beam_gains, USER))
    one = power(topology, free, user, partial(beam_gains, TWELVE), isotropic)
    other = power(topology, free, user, isotropic, partial(beam_gains, USER))
    none = power(topology, free, user, isotropic, isotropic)
    loud = one > 1e-3 * one.amax(2, keepdim=True)
    assert torch.allclose((both * none / (one * other))[loud.expand_as(both)], torch.ones(1).double(), rtol=2e-2)


def test_users_panels_hear_what_comes_from_where_they_look() -> None:
    """Averaged over bearings, a user's element hears what an isotropic antenna does times its mean gain."""
    topology, propagation, user = network("uma", indoor_share=0.5)
    element = BeamPanelSettings(max_gain_dbi=5, horizontal_hpbw_deg=90, vertical_hpbw_deg=90)
    around = torch.linspace(0.0, 2.0 * math.pi, 37)[:-1]

    def averaged(azimuth: Tensor, zenith: Tensor) -> Tensor:
        return torch.stack([beam_gains(element, azimuth - turn, zenith) for turn in around]).mean(0)

    one = power(topology, propagation, user, isotropic, partial(beam_gains, element))[..., 0, 0]
    mean = power(topology, propagation, user, isotropic, averaged)[..., 0, 0]
    flat = power(topology, propagation, user, isotropic, isotropic)[..., 0, 0]
    assert (one / mean).log10().std() > 0.1  # a single panel has a front and a back
    azimuth = torch.linspace(-math.pi, math.pi, 721)
    level = beam_gains(element, azimuth, torch.full_like(azimuth, math.pi / 2))[..., 0].mean()
    assert float((mean / flat).mean()) == pytest.approx(float(level), rel=0.15)


def test_any_drop_alone_and_more_beams_change_nothing() -> None:
    topology, propagation, user = network("uma", indoor_share=0.5)
    all_beams = power(topology, propagation, user, partial(beam_gains, TWELVE), isotropic)
    again = power(topology, propagation, user, partial(beam_gains, TWELVE), isotropic)
    assert torch.equal(all_beams, again)
    first = BeamPanelSettings(
        rows=8,
        columns=8,
        port_rows=2,
        row_spacing_wavelengths=0.8,
        beam_azimuth_deg=(-56.25,),
        beam_zenith_deg=(112.5,),
    )
    one = power(topology, propagation, user, partial(beam_gains, first), isotropic)
    assert torch.allclose(one[:, :, 0], all_beams[:, :, 0], rtol=1e-4)


def test_polarization_and_turns() -> None:
    assert port_polarization(TWELVE) == "slant"
    assert port_polarization(BeamPanelSettings(polarizations=1)) == "vertical"
    assert panel_bearings_rad(USER) == [0.0, math.pi]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rows": 8, "port_rows": 3}, "1, 2, 4, 8"),
        ({"columns": 6, "port_columns": 4}, "panel's 6 columns"),
        ({"beam_azimuth_deg": (0.0, 0.0)}, "twice"),
        ({"beam_azimuth_deg": tuple(map(float, range(40))), "beam_zenith_deg": tuple(map(float, range(40)))}, "1600"),
        ({"beam_zenith_deg": ()}, "at least 1 item"),
        ({"beam_zenith_deg": (200.0,)}, "less than or equal to 180"),
        ({"max_gain_dbi": math.nan}, "finite"),
        ({"polarizations": 3}, "1 or 2"),
    ],
)
def test_bad_panels_are_explained(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        BeamPanelSettings(**settings)
