from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from phy.power_consumption import PowerSettings, energy_j

EARTH_SITE = PowerSettings(transceivers=6)


def test_macro_site_of_the_source() -> None:
    """Six transceivers of 20 W: 780 W idle, 6 (130 + 4.7 * 20) = 1344 W at full load, 450 W asleep."""
    share = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    drawn = energy_j(EARTH_SITE, share, 120.0, 1.0)
    torch.testing.assert_close(drawn, torch.tensor([780.0, 1062.0, 1344.0], dtype=torch.float64))
    asleep = energy_j(PowerSettings(transceivers=6, sleeps=True), share, 120.0, 1.0)
    torch.testing.assert_close(asleep, torch.tensor([450.0, 1062.0, 1344.0], dtype=torch.float64))


def test_energy_is_linear_in_time_and_keeps_shape_and_dtype() -> None:
    share = torch.linspace(0, 1, 6, dtype=torch.float32).reshape(2, 3)
    second = energy_j(PowerSettings(), share, 39.8, 1.0)
    assert second.shape == (2, 3) and second.dtype == torch.float32
    torch.testing.assert_close(energy_j(PowerSettings(), share, 39.8, 0.25), second / 4)
    assert second[0, 0] == pytest.approx(260.0)
    assert second[1, 2] - second[0, 0] == pytest.approx(4.7 * 39.8, rel=1e-5)


def test_power_beyond_the_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"transmit power of 80 W lies outside 0 to 40 W.*use more transceivers"):
        energy_j(PowerSettings(), torch.zeros(1), 80.0, 1.0)
    with pytest.raises(ValueError, match="-1 W lies outside"):
        energy_j(PowerSettings(), torch.zeros(1), -1.0, 1.0)


@pytest.mark.parametrize("wrong", [{"transceivers": 0}, {"idle_w": -1}, {"slope": 0.5}, {"max_tx_w": 0}, {"idle": 1}])
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        PowerSettings(**wrong)  # type: ignore[arg-type]
