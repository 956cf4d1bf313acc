"""Table 7.5-6 against Sionna's copies of it, number by number, and what is made of it."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

import pytest
import torch

from phy.tr38901.lsp_tables import (
    NAMES,
    PropagationState,
    cross_correlation_root,
    log_frequency,
    moments,
    propagation_states,
    sigma_db,
    zod_offset_deg,
    zsd_log10,
)
from phy.tr38901.pathloss import Edition, Link, PathLossModel

SPELLED = {"uma": "UMa", "umi": "UMi", "rma": "RMa", "inh": "InH"}
EDITIONS: dict[Edition, str] = {"v16": "v16_1", "v19": "v19_2"}
CASES = [(e, m, c) for e in EDITIONS for m in SPELLED for c in range(3) if not (m == "inh" and c == 2)]


def sionna(edition: Edition, model: str, column: int) -> dict[str, Any]:
    pytest.importorskip("sionna.phy.channel.tr38901")
    name = f"{SPELLED[model]}_{('LoS', 'NLoS', 'O2I')[column]}.json"
    text = files("sionna.phy.channel.tr38901").joinpath("models", EDITIONS[edition], name).read_text()
    table: dict[str, Any] = json.loads(text)
    return table


@pytest.mark.parametrize(("edition", "model", "column"), CASES)
def test_every_number_of_the_table(edition: Edition, model: PathLossModel, column: int) -> None:
    ours, theirs = propagation_states(model, edition)[column], sionna(edition, model, column)
    for name, law in (("DS", ours.ds), ("ASD", ours.asd), ("ASA", ours.asa), ("ZSA", ours.zsa)):
        keys = (f"mu{name}a", f"mu{name}c", f"sigma{name}a", f"sigma{name}c")
        assert law == tuple(theirs[key] for key in keys), name
    shadow = theirs["sigmaSF1"] if model == "rma" and column == 0 else theirs["sigmaSF"]
    assert (ours.sigma_sf_db, *ours.xpr_db) == (shadow, theirs["muXPR"], theirs["sigmaXPR"])
    assert (ours.k_db or (0.0, 0.0)) == (theirs["muK"], theirs["sigmaK"])
    assert (ours.clusters, ours.delay_scaling) == (theirs["numClusters"], theirs["rTau"])
    assert ours.cluster_shadowing_db == theirs["zeta"]
    assert ours.cluster_spread_deg == (theirs["cASD"], theirs["cASA"], theirs["cZSA"])
    assert ours.angle_scaling == (theirs["CPhiNLoS"], theirs["CThetaNLoS"])
    for name, distance in zip(NAMES, ours.decorrelation_m, strict=True):
        if name != "K" or ours.k_db:
            assert distance == theirs[f"corrDist{name}"], name
    assert correlations(ours) == {pair: theirs[pair] for pair in correlations(ours)}


def correlations(state: PropagationState) -> dict[str, float]:
    """As Sionna names them: ASD and ASA before DS, and so on."""
    order = ("ZSD", "ZSA", "ASD", "ASA", "DS", "SF", "K")
    table = iter(state.correlation)
    found = {}
    for i, one in enumerate(NAMES):
        for other in NAMES[i + 1 :]:
            first, second = sorted((one, other), key=order.index)
            name = {"ASAvsASD": "ASDvsASA", "ZSAvsZSD": "ZSDvsZSA"}.get(f"{first}vs{second}", f"{first}vs{second}")
            found[f"corr{name}"] = next(table)
    return found


@pytest.mark.parametrize("edition", ["v16", "v19", "imt2020_a"])
@pytest.mark.parametrize("model", [*SPELLED, "free_space"])
def test_square_root_of_the_correlations(edition: Edition, model: PathLossModel) -> None:
    for state in propagation_states(model, edition):
        matrix = cross_correlation_root(state) @ cross_correlation_root(state).T
        assert torch.allclose(matrix.diagonal(), torch.ones(7, dtype=torch.float64), atol=1e-9)
        row, column = torch.triu_indices(7, 7, offset=1).unbind()
        assert matrix[row, column].tolist() == pytest.approx(list(state.correlation), abs=1e-9)


def test_channel_model_a_differs_where_it_should() -> None:
    assert propagation_states("uma", "imt2020_a") == propagation_states("uma", "v16")
    assert propagation_states("rma", "imt2020_a") == propagation_states("rma", "v16")
    clear, blocked, _ = propagation_states("inh", "imt2020_a")
    assert (clear.sigma_sf_db, blocked.sigma_sf_db) == (3.0, 4.0)
    assert clear.laplacian and clear.angle_scaling[0] == 1.434 and blocked.angle_scaling[0] == 1.501


def test_frequency_is_clipped_as_the_notes_say() -> None:
    assert log_frequency("uma", 0.7e9) == math.log10(6.0) and log_frequency("uma", 28e9) == math.log10(28.0)
    assert log_frequency("umi", 0.7e9) == math.log10(3.0) and log_frequency("inh", 4e9) == math.log10(7.0)
    mean, sigma = moments(propagation_states("umi", "v16")[1], "umi", 28e9)[2]
    assert (mean, sigma) == pytest.approx((-0.24 * math.log10(29) - 6.83, 0.16 * math.log10(29) + 0.28))


def link(model: str, distance_m: float, ue_m: float = 1.5, carrier_hz: float = 3.5e9) -> Link:
    height = {"uma": 25.0, "umi": 10.0, "rma": 35.0, "inh": 3.0}[model]
    return Link(*(torch.tensor([v], dtype=torch.float64) for v in (distance_m, height, ue_m)), carrier_hz)


@pytest.mark.parametrize(
    ("model", "distance_m", "ue_m", "clear", "blocked", "offset"),
    [
        ("uma", 250.0, 1.5, 0.225, 0.375, 7.66 * math.log10(6) - 5.96 - 10 ** (
            (0.208 * math.log10(6) - 0.782) * math.log10(250) - 0.13 * math.log10(6) + 2.03)),
        ("uma", 5000.0, 1.5, -0.5, -0.5, None),
        ("umi", 50.0, 1.5, 0.83 - 0.74 + 0.085, 0.045, -(10 ** (3.3 - 1.5 * math.log10(50)))),
        ("umi", 50.0, 16.0, 0.83 - 0.74 + 0.06, 0.045 + 0.06, None),
        ("rma", 1000.0, 1.5, 0.05, 0.09, math.degrees(math.atan(31.5 / 1000) - math.atan(33.5 / 1000))),
        ("inh", 20.0, 1.5, 2.228 - 1.43 * math.log10(7), 1.08, 0.0),
    ],
)  # fmt: skip
def test_zenith_spread_and_offset(
    model: PathLossModel, distance_m: float, ue_m: float, clear: float, blocked: float, offset: float | None
) -> None:
    """Tables 7.5-7 to 7.5-10, worked out by hand."""
    at, share = link(model, distance_m, ue_m), torch.ones(1, dtype=torch.float64)
    assert zsd_log10(model, "v16", at, share)[0].item() == pytest.approx(clear)
    assert zsd_log10(model, "v16", at, 0 * share)[0].item() == pytest.approx(blocked)
    between = zsd_log10(model, "v16", at, 0.25 * share)[0].item()
    assert between == pytest.approx(0.25 * clear + 0.75 * blocked)
    assert zod_offset_deg(model, at, share).item() == 0.0
    if offset is not None:
        assert zod_offset_deg(model, at, 0 * share).item() == pytest.approx(offset)


def test_sigma_of_rma_grows_beyond_the_breakpoint() -> None:
    distance = torch.tensor([100.0, 9000.0]).double()
    at = Link(distance, torch.full_like(distance, 35.0), torch.full_like(distance, 1.5), 0.7e9)
    assert sigma_db("rma", at, torch.tensor([0, 0])).tolist() == [4.0, 6.0]
    assert sigma_db("rma", at, torch.tensor([1, 2])).tolist() == [8.0, 8.0]
