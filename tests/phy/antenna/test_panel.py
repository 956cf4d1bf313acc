"""Panels of antennas: places, patterns, ports, orientation; against plain loops, closed forms and Sionna."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from oracles_antennas import port_response as oracle_response
from pydantic import ValidationError
from torch import Tensor

from phy.antenna.element import SectorAntennaSettings, gain_db
from phy.antenna.panel import (
    PanelSettings,
    element_positions,
    orientation_rad,
    port_fields,
    port_positions,
    port_response,
    rotation,
    steering,
    to_local,
    unit_vector,
)

ZERO = torch.zeros(3, dtype=torch.float64)


def angles(count: int = 200) -> tuple[Tensor, Tensor]:
    """Directions spread over the sphere, without the poles."""
    i = torch.arange(count, dtype=torch.float64)
    zenith = torch.acos(1 - 2 * (i + 0.5) / count)
    return torch.remainder(i * 2.399963, 2 * math.pi) - math.pi, zenith


def test_positions_in_rows_columns_polarizations() -> None:
    panel = PanelSettings(
        rows=2, columns=3, polarizations=2, row_spacing_wavelengths=0.8, column_spacing_wavelengths=0.5, ports=6
    )
    place = element_positions(panel)
    assert place.shape == (12, 3)
    assert torch.equal(place[:6], place[6:])
    assert torch.equal(place[:2, 1], torch.tensor([-0.5, -0.5], dtype=torch.float64))
    torch.testing.assert_close(place[:2, 2], torch.tensor([-0.4, 0.4], dtype=torch.float64))
    torch.testing.assert_close(place.mean(0), ZERO)
    torch.testing.assert_close(port_positions(panel)[:3, 1], torch.tensor([-0.5, 0.0, 0.5], dtype=torch.float64))


@pytest.mark.parametrize("port_rows", [1, 2, 4, 8])
def test_ports_are_sums_of_their_elements(port_rows: int) -> None:
    panel = PanelSettings(
        rows=8, columns=2, row_spacing_wavelengths=0.8, element="sector", ports=2 * port_rows, electrical_tilt_deg=99.0
    )
    azimuth, zenith = angles(50)
    ours = port_response(panel, azimuth, zenith)
    for i in range(50):
        theirs = oracle_response(8, 2, port_rows, (0.8, 0.5), math.radians(99), float(azimuth[i]), float(zenith[i]))
        np.testing.assert_allclose(ours[i].numpy(), theirs, atol=1e-12)


def test_one_port_of_a_column_is_the_sector_antenna() -> None:
    panel = PanelSettings(rows=8, row_spacing_wavelengths=0.8, element="sector", electrical_tilt_deg=99.0)
    azimuth, zenith = angles()
    ours = 20 * port_response(panel, azimuth, zenith)[..., 0].abs().log10()
    theirs = gain_db(SectorAntennaSettings(), azimuth, zenith)
    lobes = theirs > -60
    torch.testing.assert_close(ours[lobes], theirs[lobes], atol=1e-6, rtol=0)


def test_no_gain_from_nothing() -> None:
    """Spacing of half a wavelength: the mean gain over the sphere of an isotropic column is that of one element."""
    azimuth, zenith = angles(4000)
    panel = PanelSettings(rows=4)
    assert float(port_response(panel, azimuth, zenith).abs().square().mean()) == pytest.approx(1.0, abs=1e-3)
    boresight = port_response(panel, torch.zeros(1).double(), torch.full((1,), math.pi / 2).double())
    assert float(boresight.abs().square()) == pytest.approx(4.0)


def test_steering_adds_up_towards_its_direction() -> None:
    panel = PanelSettings(rows=4, columns=4, ports=16)
    azimuth, zenith = angles()
    vectors = steering(element_positions(panel), azimuth, zenith)
    gain = (vectors.conj() @ vectors.T).abs()
    torch.testing.assert_close(gain.diagonal(), torch.full((200,), 16.0, dtype=torch.float64))
    assert bool((gain <= 16 + 1e-9).all())


@pytest.mark.parametrize("turned", [(0.0, 0.0, 0.0), (1.0, 0.2, -0.4), (-2.5, -0.7, 3.0)])
def test_orientation(turned: tuple[float, float, float]) -> None:
    orientation = torch.tensor(turned, dtype=torch.float64)
    matrix = rotation(orientation)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(3, dtype=torch.float64))
    azimuth, zenith = angles()
    local = unit_vector(*to_local(orientation, azimuth, zenith))
    torch.testing.assert_close(local @ matrix.mT, unit_vector(azimuth, zenith), atol=1e-7, rtol=0)


def test_downtilt_looks_down() -> None:
    settings = PanelSettings(bearing_deg=10.0, mechanical_tilt_deg=12.0)
    orientation = orientation_rad(settings, torch.tensor([0.5], dtype=torch.float64))
    ahead = rotation(orientation)[0] @ torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    assert math.degrees(math.acos(float(ahead[2]))) == pytest.approx(102.0)
    assert math.atan2(float(ahead[1]), float(ahead[0])) == pytest.approx(0.5 + math.radians(10))


def test_fields_are_those_of_turned_vectors() -> None:
    """The field as a vector in space: of the panel's own axes, turned, and projected on the global unit vectors."""
    panel = PanelSettings(polarizations=2, ports=2, element="sector", polarization_slant_deg=-45.0)
    orientation = torch.tensor([0.7, 0.3, -0.5], dtype=torch.float64)
    azimuth, zenith = angles()
    fields = port_fields(panel, orientation, azimuth, zenith)
    local = to_local(orientation, azimuth, zenith)
    amplitude = port_response(panel, *local)[:, 0].abs()
    for port, slant in enumerate((-math.pi / 4, math.pi / 4)):
        theta, phi = frame(*local)
        vector = amplitude[:, None] * (math.cos(slant) * theta + math.sin(slant) * phi)
        turned = vector @ rotation(orientation).mT
        expected = torch.stack([(turned * axis).sum(-1) for axis in frame(azimuth, zenith)], -1)
        torch.testing.assert_close(fields[:, port], expected.to(fields.dtype), atol=1e-6, rtol=0)


def frame(azimuth: Tensor, zenith: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors along theta and phi."""
    zero = torch.zeros_like(azimuth)
    theta = torch.stack((zenith.cos() * azimuth.cos(), zenith.cos() * azimuth.sin(), -zenith.sin()), -1)
    return theta, torch.stack((-azimuth.sin(), azimuth.cos(), zero), -1)


def test_polarizations_are_perpendicular_and_lose_nothing() -> None:
    panel = PanelSettings(polarizations=2, ports=2)
    fields = port_fields(panel, torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64), *angles())
    gram = fields @ fields.mH
    torch.testing.assert_close(gram, torch.eye(2, dtype=gram.dtype).expand_as(gram))


def test_pole_is_defined() -> None:
    panel = PanelSettings(polarizations=2, ports=2)
    pole = torch.tensor([0.0, math.pi], dtype=torch.float64)
    assert bool(port_fields(panel, ZERO, torch.zeros(2, dtype=torch.float64), pole).isfinite().all())


def test_the_element_of_sionna() -> None:
    sionna = pytest.importorskip("sionna.phy.channel.tr38901")
    element = sionna.AntennaElement("38.901", slant_angle=0.3, precision="double", device="cpu")
    azimuth, zenith = angles()
    theirs = torch.stack(element.field(zenith, azimuth), -1)
    panel = PanelSettings(element="sector", polarization_slant_deg=math.degrees(0.3))
    ours = port_fields(panel, ZERO, azimuth, zenith)[:, 0]
    torch.testing.assert_close(ours.real, theirs, atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"rows": 8, "ports": 3},
            r"ports is 3, but a panel of 8 rows x 1 columns x 1 polarizations can have 1, 2, 4 or 8",
        ),
        ({"rows": 8, "polarizations": 2, "ports": 1}, r"can have 2, 4, 8 or 16"),
        ({"rows": 16, "columns": 8, "polarizations": 2, "ports": 65}, r"less than or equal to 64"),
        ({"rows": 16, "columns": 8, "polarizations": 2, "ports": 48}, r"can have 16, 32 or 64"),
        ({"columns": 40, "polarizations": 2, "ports": 64}, r"needs at least 80 ports, but 64 is the most"),
        ({"rows": 0}, r"greater than or equal to 1"),
        ({"polarizations": 3}, r"Input should be 1 or 2"),
        ({"electrical_tilt_deg": 200.0}, r"less than or equal to 180"),
        ({"port": 1}, r"[Uu]nexpected"),
    ],
)
def test_bad_panels(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PanelSettings(**given)  # type: ignore[arg-type]
