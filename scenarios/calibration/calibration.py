"""``fairwave calibrate``: coupling gain and downlink geometry of a network, to be held against published figures.

Coupling gain is the loss between the antenna ports of a user and of its serving cell (TR 36.873 clause 8.1): path loss,
shadowing, walls and antenna gains, summed over rays. Geometry is the SINR of the whole carrier with every cell at
full power, before any small-scale fading. Both are those of the configurations with which 3GPP calibrated its
self-evaluation for IMT-2020 (RP-180524; ITU-R M.2412).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field, ValidationError, field_validator, model_validator
from torch import Tensor

from phy.antenna.beams import BeamPanelSettings
from phy.antenna.element import SectorAntennaSettings
from phy.random import Drops, uniform
from phy.topology.sites import Topology, TopologySettings, build_topology
from phy.topology.users import place_per_cell, place_uniform
from phy.tr38901.large_scale import LargeScalePlan, draw_large_scale_model, place_on_floors
from phy.tr38901.pathloss import require_base_height
from phy.tr38901.settings import PropagationSettings
from phy.units import db_to_linear, dbm_to_w, linear_to_db, noise_power_w

from ..config.loading import CALIBRATIONS, layers_of_file, setting
from ..config.merging import merge
from ..config.schema import Model
from ..config.validation_messages import Layer, explain
from ..errors import ScenarioError
from ..results.run_folder import require_ours
from ..results.shards import write_atomically
from ..running.progress import status
from .beams import BeamNetwork, Interference, beam_links, heard_gains

PERCENTILES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
QUANTITIES = ("coupling_gain_db", "geometry_db")

MOST_PAIRS = 100_000_000
"""Most gains between beams of a drop, 0.8 GB."""

Percentile = Literal["5", "10", "20", "30", "40", "50", "60", "70", "80", "90", "95"]


class Reference(Model):
    """What others found for the same configuration."""

    source: str
    """Where the figures stand."""
    coupling_gain_db: dict[Percentile, float] = Field(default_factory=dict)
    """Mean over companies at each percentile."""
    geometry_db: dict[Percentile, float] = Field(default_factory=dict)
    """The same of the downlink geometry."""
    coupling_gain_range_db: dict[Percentile, tuple[float, float]] = Field(default_factory=dict)
    """Least and greatest of the companies."""
    geometry_range_db: dict[Percentile, tuple[float, float]] = Field(default_factory=dict)
    """The same of the downlink geometry."""

    def mean(self, quantity: str) -> dict[int, float]:
        """Mean of a quantity by percentile."""
        return {int(key): value for key, value in getattr(self, quantity).items()}

    def spread(self, quantity: str) -> dict[int, tuple[float, float]]:
        """Least and greatest value of a quantity by percentile."""
        values = getattr(self, f"{quantity.removesuffix('_db')}_range_db")
        return {int(key): value for key, value in values.items()}


class Calibration(Model):
    """A network whose large scale is to be calibrated."""

    name: str = Field(min_length=1, pattern=r"[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    """Name of the configuration; left out, the name of the file."""
    description: str = ""
    """One sentence: what is set up."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of everything random."""
    drops: int = Field(default=20, ge=1, le=100_000)
    """Independent networks."""
    topology: TopologySettings = Field(default_factory=TopologySettings)
    """Sites and sectors."""
    propagation: PropagationSettings = Field(default_factory=PropagationSettings)
    """Path loss, shadowing, line of sight, walls, cars, heights of the users."""
    antenna: SectorAntennaSettings = Field(default_factory=SectorAntennaSettings)
    """Port 0 of every cell."""
    trxp_panel: BeamPanelSettings | None = None
    """Panel with analogue beams of every cell; it takes the place of ``antenna``."""
    ue_antenna_gain_dbi: float = Field(default=0.0, ge=-30.0, le=30.0)
    """Gain of the users' isotropic antennas."""
    ue_panel: BeamPanelSettings | None = None
    """Panels with analogue beams of every user, turned at random about the vertical; none is isotropic."""
    interference: Interference = "random_beam"
    """Where other cells point: in a random beam of their set, or at a random one of the users they serve."""
    bandwidth_hz: float = Field(default=10e6, ge=1e5, le=1e10)
    """Bandwidth over which power and noise are spread."""
    tx_power_dbm: float = Field(default=46.0, ge=-30, le=70)
    """Power of each cell over the bandwidth."""
    noise_figure_db: float = Field(default=7.0, ge=0, le=30)
    """Noise figure of the users."""
    users_per_cell: int = Field(default=10, ge=1, le=1000)
    """Users of a cell, on average."""
    placement: Literal["per_cell", "uniform"] = "per_cell"
    """As many users in the area of each cell, or anywhere in the network."""
    attachment: Literal["strongest", "cell_area"] = "strongest"
    """Each user's cell: the one whose port 0 is received best, or the one in whose area he stands."""
    handover_margin_db: float = Field(default=0.0, ge=0.0, le=20.0)
    """A user may have any cell that is at most so much weaker than the strongest."""
    reference: Reference | None = None
    """Published figures to compare with."""

    @field_validator("reference", mode="after")
    @classmethod
    def _has_figures(cls, reference: Reference | None) -> Reference | None:
        if reference is not None and not (reference.coupling_gain_db or reference.geometry_db):
            raise ValueError("a reference needs figures: coupling_gain_db, geometry_db or both")
        return reference

    @property
    def points_beams(self) -> bool:
        """Whether cells or users have panels."""
        return self.trxp_panel is not None or self.ue_panel is not None

    @property
    def _pairs(self) -> int:
        """Gains between beams that a drop holds."""
        cells = self.topology.site_count * self.topology.sectors
        sent = self.trxp_panel.beams if self.trxp_panel else 1
        heard = self.ue_panel.beams * self.ue_panel.panel_columns if self.ue_panel else 1
        return cells**2 * self.users_per_cell * sent * heard

    @model_validator(mode="after")
    def _check_base_height(self) -> Self:
        require_base_height(self.propagation.model, self.topology.bs_height_m)
        return self

    @model_validator(mode="after")
    def _check_panels(self) -> Self:
        if self.points_beams and self.propagation.antenna_gain == "direct":
            raise ValueError(
                "propagation.antenna_gain is 'direct', but panels are summed over rays; leave it at 'rays'"
            )
        if self.trxp_panel is not None and self.topology.sectors == 1 and self.topology.layout != "indoor":
            raise ValueError(
                "topology.sectors is 1, and such a site is omnidirectional, but trxp_panel looks one way; set "
                "topology.sectors: 3, or leave trxp_panel out"
            )
        if self.ue_panel is not None and self.ue_panel.panel_rows > 1:
            raise ValueError(
                f"ue_panel.panel_rows is {self.ue_panel.panel_rows}, but a user's panels stand around him, not above "
                "each other; set it to 1, and panel_columns to the number of panels"
            )
        if self.ue_panel is not None and self.ue_antenna_gain_dbi != 0.0:
            raise ValueError(
                f"ue_antenna_gain_dbi is {self.ue_antenna_gain_dbi:g}, but ue_panel has the gain of its elements "
                "(ue_panel.max_gain_dbi); leave the former at 0"
            )
        if self.points_beams and self._pairs > MOST_PAIRS:
            raise ValueError(
                f"{self._pairs} pairs of users' and cells' beams do not fit into memory; lower users_per_cell "
                f"({self.users_per_cell}) or the sets of beams until at most {MOST_PAIRS} are left"
            )
        return self


@dataclass(frozen=True)
class CalibrationResult:
    """Samples of all users of all drops, in dB."""

    settings: Calibration
    coupling_gain_db: Tensor  # [drops * U]
    geometry_db: Tensor  # [drops * U]
    changed: tuple[str, ...] = ()  # settings laid upon the file

    def percentiles(self, quantity: str) -> dict[int, float]:
        """A quantity at :data:`PERCENTILES`."""
        level = torch.tensor(PERCENTILES, dtype=torch.float64) / 100.0
        values: Tensor = getattr(self, quantity)
        return dict(zip(PERCENTILES, values.quantile(level).tolist(), strict=True))

    def standard_errors(self, quantity: str, percentiles: Sequence[int]) -> list[float]:
        """Of some percentiles, in dB: how far the drops differ, over the root of their number; NaN for one drop."""
        level = torch.tensor(percentiles, dtype=torch.float64) / 100.0
        values: Tensor = getattr(self, quantity)
        each = values.view(self.settings.drops, -1).quantile(level, dim=1)
        errors: list[float] = (each.std(1) / self.settings.drops**0.5).tolist()
        return errors

    def to_json(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        found = {name: {str(p): round(v, 3) for p, v in self.percentiles(name).items()} for name in QUANTITIES}
        return {"configuration": self.settings.name, **found}


def load_calibration(
    source: str, settings: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> Calibration:
    """A configuration, checked, with everything that it extends.

    Args:
        source: name of a preset or path of a YAML file.
        settings: ``key=value`` texts laid upon it.
        options: named settings laid upon these, those that are not None.

    Raises:
        ScenarioError: what is wrong, where, and what is allowed; all problems at once.
    """
    layers = layers_of_file(source, CALIBRATIONS)
    layers += [Layer(f"--set {text}", setting(text), Path.cwd()) for text in settings]
    given = {key: value for key, value in (options or {}).items() if value is not None}
    layers += [Layer(f"--{key}", {key: value}) for key, value in given.items()]
    return _validated(layers)


def calibrate(settings: Calibration) -> CalibrationResult:
    """Draw the drops and measure every user, one drop after the other."""
    topology = build_topology(settings.topology)
    found = []
    with status() as tell:
        for drop in Drops(settings.seed, tuple(range(settings.drops))).single():
            tell(f"{settings.name}: drop {drop.ids[0] + 1} of {settings.drops}")
            found.append(_measure(drop, topology, settings))
    coupling, geometry = (torch.cat(parts) for parts in zip(*found, strict=True))
    return CalibrationResult(settings, coupling, geometry)


def wideband_geometry_db(power_w: Tensor, serving: Tensor, noise_w: float) -> Tensor:
    """SINR of the whole carrier with all cells at full load, in dB ``[...]``.

    Args:
        power_w: received from each cell, ``[..., C]``.
        serving: cell of each user, ``[...]``.
        noise_w: over the carrier.
    """
    own = power_w.gather(-1, serving[..., None])[..., 0]
    return linear_to_db(own / (power_w.sum(-1) - own + noise_w))


def _measure(drop: Drops, topology: Topology, settings: Calibration) -> tuple[Tensor, Tensor]:
    place = place_per_cell if settings.placement == "per_cell" else place_uniform
    count = settings.users_per_cell * (1 if settings.placement == "per_cell" else topology.cells)
    height, keys = settings.propagation.ue_height_m, drop.keys("placement")
    user, home = place(keys, topology, count, settings.topology.min_distance_m, height)
    user = place_on_floors(drop, user, settings.propagation)
    if settings.points_beams:
        return _measure_beams(drop, topology, settings, user, home)
    plan = LargeScalePlan(topology, settings.propagation, settings.antenna, user.shape[1], clusters=False)
    scale = draw_large_scale_model(drop, plan).at(user)
    gain = scale.gain_db + settings.ue_antenna_gain_dbi
    serving = home if settings.attachment == "cell_area" else _attached(drop, gain, settings.handover_margin_db)
    power = dbm_to_w(settings.tx_power_dbm) * db_to_linear(gain)
    noise = noise_power_w(settings.bandwidth_hz, settings.noise_figure_db)
    coupling = gain.gather(-1, serving[..., None])[..., 0]
    return coupling.flatten(), wideband_geometry_db(power, serving, noise).flatten()


def _measure_beams(
    drop: Drops, topology: Topology, settings: Calibration, user_m: Tensor, home: Tensor
) -> tuple[Tensor, Tensor]:
    network = BeamNetwork(topology, settings.propagation, settings.antenna, settings.trxp_panel, settings.ue_panel)
    links = beam_links(drop, network, user_m)
    best = linear_to_db(links.cell_gain) + settings.ue_antenna_gain_dbi
    serving = home if settings.attachment == "cell_area" else _attached(drop, best[None], settings.handover_margin_db)
    gain = heard_gains(drop, links, serving[0], settings.interference)
    power = dbm_to_w(settings.tx_power_dbm + settings.ue_antenna_gain_dbi) * gain
    noise = noise_power_w(settings.bandwidth_hz, settings.noise_figure_db)
    return best.gather(-1, serving[0, :, None])[..., 0], wideband_geometry_db(power, serving[0], noise)


def _attached(drop: Drops, gain_db: Tensor, margin_db: float) -> Tensor:
    """The strongest cell, or with a margin any one of those within it, each as likely as the others."""
    if margin_db == 0.0:
        return gain_db.argmax(-1)
    near = gain_db >= gain_db.amax(-1, keepdim=True) - margin_db
    return (near * uniform(drop.keys("attachment"), tuple(gain_db.shape[1:]))).argmax(-1)


def _validated(layers: Sequence[Layer]) -> Calibration:
    data: dict[str, Any] = {}
    for layer in layers:
        try:
            data = merge(data, merge({}, layer.data), lambda path: "source" if path == ("reference",) else None)
        except ScenarioError as error:
            raise ScenarioError(f"{layer.origin}: {error}") from None
    try:
        return Calibration.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        raise explain(error, data, layers, Calibration.model_json_schema()) from None


def show_calibration(result: CalibrationResult, plot: Path) -> None:
    """Both distributions as a table, beside the reference where there is one."""
    from ..cli.console import say, show_rows

    reference = result.settings.reference
    rows = []
    for percentile in PERCENTILES:
        row: dict[str, Any] = {"percentile": percentile}
        for quantity, short in zip(QUANTITIES, ("coupling", "geometry"), strict=True):
            row[f"{short}\n[dB]"] = f"{result.percentiles(quantity)[percentile]:.2f}"
            if reference is not None:
                row |= _beside(reference, quantity, short, percentile, result.percentiles(quantity)[percentile])
        rows.append(row)
    users = len(result.geometry_db)
    show_rows(f"{result.settings.name}: {users} users in {result.settings.drops} drops", rows)
    _say_chance(result)
    if reference is not None:
        changed = f", of the configuration without --set {' '.join(result.changed)}" if result.changed else ""
        say(f"Reference: {reference.source}{changed}")
    say(f"Plot: {plot}")


def _say_chance(result: CalibrationResult) -> None:
    """How far other drops would move the result."""
    from ..cli.console import say

    if result.settings.drops > 1:
        parts = []
        for quantity, name in zip(QUANTITIES, ("coupling gain", "geometry"), strict=True):
            errors = " / ".join(f"{error:.2f}" for error in result.standard_errors(quantity, (5, 50, 95)))
            parts.append(f"{name} {errors} dB")
        say(f"Standard errors at 5 / 50 / 95 %: {', '.join(parts)}")


def _beside(reference: Reference, quantity: str, short: str, percentile: int, found: float) -> dict[str, str]:
    mean, spread = reference.mean(quantity), reference.spread(quantity)
    at, span = mean.get(percentile), spread.get(percentile)
    cells = {
        f"{short}:\nmean": "" if at is None else f"{at:.2f}",
        f"{short}:\ngap": "" if at is None else f"{found - at:+.2f}",
    }
    if spread:
        cells[f"{short}:\nrange"] = "" if span is None else f"{span[0]:.1f} to {span[1]:.1f}"
    return cells


def require_place(path: Path) -> None:
    """Refuse a place where no PNG can be written, before anything is computed.

    Raises:
        ScenarioError: the folder is missing, the name is no PNG's, or it is that of somebody else's file.
    """
    if path.suffix.lower() != ".png" or path.is_dir():
        raise ScenarioError(f"--plot {path}: a plot is a PNG file; name one, such as {path.stem or 'plot'}.png")
    if not path.parent.is_dir():
        raise ScenarioError(f"--plot {path}: there is no folder {path.parent}; make it, or choose another one")
    require_ours(path, remedy="with --plot, or move that one")


def save_plot(result: CalibrationResult, path: Path) -> None:
    """The two distributions, with the reference's points and the companies' range, as PNG."""
    from matplotlib.figure import Figure

    from ..plots.style import picture

    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2, sharey=True), QUANTITIES, strict=True):
        ordered = getattr(result, quantity).sort().values.numpy()
        share = (torch.arange(len(ordered), dtype=torch.float64) + 0.5) / len(ordered)
        axes.plot(ordered, share.numpy(), color="#0072B2", label="fairwave")
        _draw_reference(axes, result.settings.reference, quantity)
        axes.set(xlabel=quantity.removesuffix("_db").replace("_", " ") + " [dB]", ylim=(0, 1))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("share of users at or below")
    named = max(figure.axes, key=lambda axes: len(axes.get_legend_handles_labels()[0]))
    named.legend(loc="upper left")
    made = f"{result.settings.drops} drops, seed {result.settings.seed}"
    figure.suptitle(f"{result.settings.description or result.settings.name} ({made})", fontsize=10)
    write_atomically(path, picture(figure, "png"))


def _draw_reference(axes: Any, reference: Reference | None, quantity: str) -> None:
    if reference is None:
        return
    mean, spread = reference.mean(quantity), reference.spread(quantity)
    axes.plot(mean.values(), [p / 100 for p in mean], "o", color="#D55E00", label="3GPP, mean of the companies")
    if spread:
        low, high = zip(*spread.values(), strict=True)
        axes.hlines([p / 100 for p in spread], low, high, color="#D55E00", lw=3, alpha=0.4, label="their range")
