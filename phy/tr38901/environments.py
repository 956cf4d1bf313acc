"""Holds what 3GPP and ITU-R assume of a network in each propagation scenario: distances, heights, powers.

The scenarios' files take from here what they leave out (:func:`environment`), and warn where they say something else
(:func:`contradictions`). The ranges in which a path-loss formula holds stand in :mod:`phy.tr38901.pathloss`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .pathloss import PathLossModel, range_warnings

ABOVE_HZ = 6e9
"""Carrier frequency beyond which powers and noise figures are those of millimetre waves (TR 38.901 Table 7.8-1)."""

_LOUDER_DB = 6.0  # ours: a power so far above the table's is told


@dataclass(frozen=True)
class EvaluationParameters:
    """Holds the assumptions of one scenario at one carrier frequency."""

    isd_m: float
    bs_height_m: float
    min_distance_m: float
    ue_height_m: float
    tx_power_dbm: float
    noise_figure_db: float  # of the UE: 7 dB, and 10 above 6 GHz (ITU-R M.2412 Table 5, as RP-180524 reads it)


@dataclass(frozen=True)
class Deployment:
    """Holds what a scenario file says of the same, with the model and the carrier frequency."""

    model: PathLossModel
    carrier_hz: float
    environment: EvaluationParameters
    layout: str  # "indoor" is the hall of TR 38.901 Table 7.2-2


@dataclass(frozen=True)
class _Row:
    """Holds values of a model, and the least and greatest in the configurations of ITU-R M.2412."""

    isd_m: tuple[float, float, float]
    bs_height_m: float
    min_distance_m: tuple[float, float, float]
    ue_height_m: float
    tx_power_dbm: tuple[float, float]  # up to 6 GHz, and above
    table: str


_ROWS: dict[PathLossModel, _Row] = {
    "uma": _Row((500.0, 200.0, 1732.0), 25.0, (35.0, 10.0, 35.0), 1.5, (46.0, 35.0), "7.2-1"),
    "umi": _Row((200.0, 200.0, 200.0), 10.0, (10.0, 10.0, 10.0), 1.5, (44.0, 35.0), "7.2-1"),
    "rma": _Row((1732.0, 1732.0, 6000.0), 35.0, (35.0, 10.0, 35.0), 1.5, (46.0, 46.0), "7.2-3"),
    "inh": _Row((20.0, 20.0, 20.0), 3.0, (0.0, 0.0, 0.0), 1.0, (24.0, 24.0), "7.2-2"),
}
"""TR 38.901 Tables 7.2-1 to 7.2-3; powers of its Table 7.8-1 for UMi, the office, and UMa above 6 GHz, and of RP-180524
(46 dBm in 10 MHz) for UMa and RMa. The greatest distances are those of ITU-R M.2412's UMa (1732 m) and large rural
cells (6000 m), the least that of its dense urban macro cells (200 m)."""


def environment(model: PathLossModel, carrier_hz: float) -> EvaluationParameters:
    """Returns what a network of a scenario has; free space, in no table, has the values of UMa."""
    row, high = _ROWS.get(model, _ROWS["uma"]), carrier_hz > ABOVE_HZ
    return EvaluationParameters(
        isd_m=row.isd_m[0],
        bs_height_m=row.bs_height_m,
        min_distance_m=row.min_distance_m[0],
        ue_height_m=row.ue_height_m,
        tx_power_dbm=row.tx_power_dbm[high and model != "free_space"],
        noise_figure_db=10.0 if high else 7.0,
    )


def contradictions(given: Deployment) -> list[str]:
    """Lists what contradicts the tables of the model, one sentence each, with the key and the value.

    Distances between sites may be half the least and twice the greatest of the tables, powers 6 dB above theirs (ours).
    """
    if given.model not in _ROWS:
        return []
    there = given.environment
    heights = (there.bs_height_m, there.bs_height_m), (there.ue_height_m, there.ue_height_m)
    return [*range_warnings(given.model, given.carrier_hz, *heights), *_of_the_layout(given)]


def _of_the_layout(given: Deployment) -> Iterator[str]:
    there, row = given.environment, _ROWS[given.model]
    if (given.layout == "indoor") != (given.model == "inh"):
        usual = "'indoor', a hall" if given.model == "inh" else "sites outdoors, 'hexagonal' or 'single'"
        yield (
            f"topology.layout is '{given.layout}', but model '{given.model}' has {usual} (TR 38.901 Table "
            f"{row.table}); set that, or another propagation.model, unless you mean it"
        )
        return
    for key, value, (typical, least, greatest), slack in (
        ("isd_m", there.isd_m, row.isd_m, 2.0),
        ("min_distance_m", there.min_distance_m, row.min_distance_m, 1.0),
    ):
        if not least / slack <= value <= greatest * 2.0:
            yield (
                f"topology.{key} is {value:g}, but model '{given.model}' has {typical:g} m (TR 38.901 Table "
                f"{row.table}); set that, or leave it out, unless you mean it"
            )
    power_dbm = environment(given.model, given.carrier_hz).tx_power_dbm
    if there.tx_power_dbm > power_dbm + _LOUDER_DB:
        yield (
            f"carrier.tx_power_dbm is {there.tx_power_dbm:g}, but model '{given.model}' has {power_dbm:g} dBm at "
            f"{given.carrier_hz / 1e9:g} GHz (TR 38.901 Table 7.8-1); set that, or leave it out, unless you mean it"
        )
