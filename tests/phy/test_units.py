from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phy.units import BOLTZMANN, SPEED_OF_LIGHT_MPS, db_to_linear, dbm_to_w, kmh_to_mps, linear_to_db, noise_power_w


def test_known_values() -> None:
    assert db_to_linear(3.0) == pytest.approx(1.99526, rel=1e-5)
    assert linear_to_db(100.0) == pytest.approx(20.0)
    assert dbm_to_w(30.0) == pytest.approx(1.0)
    assert dbm_to_w(46.0) == pytest.approx(39.81, rel=1e-4)
    assert dbm_to_w(0.0) == pytest.approx(0.001)
    assert kmh_to_mps(3.6) == pytest.approx(1.0)
    assert SPEED_OF_LIGHT_MPS == 299_792_458.0
    assert BOLTZMANN == 1.380649e-23


def test_thermal_noise_is_minus_174_dbm_per_hz() -> None:
    assert linear_to_db(noise_power_w(1.0, 0.0)) == pytest.approx(-203.975, abs=1e-3)
    assert linear_to_db(noise_power_w(180e3, 7.0)) == pytest.approx(-203.975 + 52.553 + 7.0, abs=1e-3)
    assert noise_power_w(1e6, 3.0, 580.0) == pytest.approx(2.0 * noise_power_w(1e6, 3.0))


@given(st.floats(-200.0, 200.0))
def test_there_and_back(value_db: float) -> None:
    assert linear_to_db(db_to_linear(value_db)) == pytest.approx(value_db, abs=1e-9)
    assert dbm_to_w(value_db) == pytest.approx(1e-3 * db_to_linear(value_db))


def test_tensors_stay_tensors_and_agree_with_floats() -> None:
    values = torch.tensor([-30.0, 0.0, 12.5], dtype=torch.float64)
    for convert in (db_to_linear, dbm_to_w, kmh_to_mps):
        expected = [convert(v) for v in values.tolist()]
        assert convert(values).tolist() == pytest.approx(expected, rel=1e-14)
    assert db_to_linear(values.float()).dtype == torch.float32
    assert linear_to_db(torch.zeros(1)).item() == -math.inf
    with pytest.raises(ValueError):
        linear_to_db(0.0)
