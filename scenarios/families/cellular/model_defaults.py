"""Gives settings that a scenario leaves out the values of its propagation model, and warns of those that contradict it.

The facts stand in :mod:`phy.tr38901.environments`; here they meet the keys of scenario files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from phy.antenna.element import SectorAntennaSettings
from phy.topology.sites import TopologySettings
from phy.tr38901.environments import Deployment, EvaluationParameters, contradictions, environment
from phy.tr38901.pathloss import PathLossModel
from phy.tr38901.settings import PropagationSettings

from .sections import CellularSections

_CEILING = {
    "max_gain_dbi": 5.0,
    "horizontal_hpbw_deg": 90.0,
    "vertical_hpbw_deg": 90.0,
    "front_to_back_db": 25.0,
    "side_lobe_db": 25.0,
    "vertical_elements": 1,
    "mechanical_tilt_deg": 90.0,
}
"""Antenna under a ceiling that looks at the floor: the element of ITU-R M.2412 Table 10, as in RP-180524."""


def follow(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Lists what a network has whose file says no more than ``data``, by section and key.

    Args:
        data: settings as given, not yet checked; what cannot be read as a model or a carrier frequency is left alone.
    """
    propagation = _section(data, "propagation")
    model, carrier_hz = propagation.get("model", "uma"), propagation.get("carrier_hz", PropagationSettings().carrier_hz)
    if model not in get_args(PathLossModel) or not isinstance(carrier_hz, int | float):
        return {}
    layout = _section(data, "topology").get("layout", "indoor" if model == "inh" else "hexagonal")
    hall = model == "inh" and layout == "indoor"
    ceiling = hall and data.get("mimo") is None and _section(data, "antenna").get("kind", "sector") == "sector"
    found = environment(model, carrier_hz)
    antenna = SectorAntennaSettings()
    usual = {key: getattr(antenna, key) for key in _CEILING}
    return {
        "topology": {
            "layout": layout,
            "sectors": 1 if hall else TopologySettings().sectors,
            "isd_m": found.isd_m,
            "bs_height_m": found.bs_height_m,
            "min_distance_m": found.min_distance_m,
        },
        "propagation": {"ue_height_m": found.ue_height_m},
        "carrier": {"tx_power_dbm": found.tx_power_dbm, "noise_figure_db": found.noise_figure_db},
        "antenna": _CEILING if ceiling else usual,
    }


def warnings_of(scenario: CellularSections) -> list[str]:
    """Lists what contradicts the tables of the scenario's propagation model, a sentence each."""
    topology, propagation, carrier = scenario.topology, scenario.propagation, scenario.carrier
    there = EvaluationParameters(
        isd_m=topology.isd_m,
        bs_height_m=topology.bs_height_m,
        min_distance_m=topology.min_distance_m,
        ue_height_m=propagation.ue_height_m,
        tx_power_dbm=carrier.tx_power_dbm,
        noise_figure_db=carrier.noise_figure_db,
    )
    return contradictions(Deployment(propagation.model, propagation.carrier_hz, there, topology.layout))


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}
