"""Cells that coordinate: precoders and SINRs against plain loops, books, helpers, limits, alone and in a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracles_coordination as oracle
import pytest
import torch
from engine_cases import sent
from engine_factory import engine
from torch import Tensor

from mac.engine.coordination import CoordinationSettings, Mode
from mac.engine.engine import Engine
from mac.engine.grant import target, with_helpers
from mac.engine.radio.comp import Comp, cluster_report
from mac.engine.radio.comp_report import ClusterReport
from mac.engine.state import COUNTERS, CellState
from mac.scheduling import SchedulingDecision
from phy.antenna.panel import PanelSettings
from phy.link.coordination import Precoder
from phy.link.mimo_settings import MimoSettings
from phy.numerics import log_grid
from phy.random import Drops

_SERVED, _GRANTED = COUNTERS.index("served_bits"), COUNTERS.index("granted_prbs")


def antennas(ports: int = 4, heard_cells: int = 4) -> MimoSettings:
    return MimoSettings(
        base=PanelSettings(columns=ports, ports=ports), ue=PanelSettings(), heard_cells=heard_cells, refresh_slots=4
    )


def coordinated(
    settings: CoordinationSettings, ids: tuple[int, ...] = (2,), mimo: MimoSettings | None = None, **more: Any
) -> Engine:
    drops = Drops(5, ids)
    plain = engine(drops, antennas=mimo or antennas(), **{"dtype": torch.float64, **more})
    made = Engine(replace(plain.parts, coordination=settings))
    assert isinstance(made.radio, Comp)
    return made


def first_ues(made: Engine, state: CellState) -> Tensor:
    """The first UE of each cell on all of its PRBs, ``[B, C, K]``."""
    first = state.attached.roster[..., :1].expand(-1, -1, made.prbs)
    return torch.where(first < made.shape[1], first, -1)


def bought(made: Engine, state: CellState, prbs: int, helps: bool = False) -> SchedulingDecision:
    """First UEs on all PRBs, but that the last UE of cell 0 has the first PRBs of its two strongest other cells.

    Args:
        made: the engine.
        state: of it.
        prbs: that it has of each, one after the other, or with help on the same.
        helps: whether the second cell helps the first.
    """
    report = state.reports[0]
    assert isinstance(report, ClusterReport)
    user, helped = first_ues(made, state).clone(), torch.full((made.shape[0], made.cells, made.prbs), -1)
    for drop in range(made.shape[0]):
        members = [u for u in state.attached.roster[drop, 0].tolist() if u < made.shape[1]]
        buyer = members[-1]
        one, other = report.cells[drop, buyer, 1:3].tolist()
        user[drop, one, :prbs] = buyer
        if helps:
            user[drop, other, :prbs] = -1
            helped[drop, other, :prbs] = buyer
        else:
            user[drop, other, prbs : 2 * prbs] = buyer
    return SchedulingDecision(with_helpers(user, helped))


def radio(made: Engine) -> Comp:
    assert isinstance(made.radio, Comp)
    return made.radio


def run(made: Engine, slots: int, helps: bool = False, prbs: int = 4) -> tuple[CellState, torch.Tensor]:
    state = made.start()
    total = torch.zeros((len(made.counters), *made.shape), dtype=torch.float64)
    for _ in range(slots):
        decision = bought(made, state, prbs, helps)
        state, outcome = made.step(state, decision, made.observe(state).need_prbs)
        total += outcome.counters
    return state, total


@pytest.mark.parametrize("kind", ["mrt", "zf", "rzf", "slnr"])
@pytest.mark.parametrize("spared", ["bought", "all"])
def test_precoders_and_sinr_equal_plain_loops(kind: Precoder, spared: str) -> None:
    """Seven cells; four are heard one by one; each UE's cluster has three; at most two nulls."""
    settings = CoordinationSettings(precoder=kind, spared=spared, most_nulls=2)  # type: ignore[arg-type]
    made = coordinated(settings)
    state, _ = run(made, 5)  # the reports in use are now older than the matrices
    user = bought(made, state, 4).user.clone()
    user[0, 4, :3] = -1
    grant = sent(made, state, user)
    report, serving = cluster_report(state.reports[0]), state.attached.serving[0].numpy()
    wanted = oracle.plan_loops(
        report.rows[0].numpy(),
        report.cells[0].numpy(),
        report.coordinated[0].numpy(),
        report.outside[0].numpy(),
        user[0].numpy(),
        serving,
        kind,
        2,
        spared,
    )
    assert grant.precoder is not None
    for (cell, prb), one in wanted.items():
        np.testing.assert_allclose(grant.precoder[0, cell, prb].numpy(), one, atol=1e-10)
    air = state.block.response
    gamma, active = radio(made)._received(0, air, grant)
    loops = oracle.slot_loops(
        air.matrices[0][..., 0, :].numpy(),
        air.cells.heard[0].numpy(),
        air.cells.rest_snr[0].numpy(),
        wanted,
        user[0].numpy(),
        False,
    )
    assert len(loops) == int(active.sum()) == 7 * 12 - 3
    for (cell, prb), one in loops.items():
        assert float(gamma[cell, prb]) == pytest.approx(one, rel=1e-9)


@pytest.mark.parametrize("mode", ["non_coherent", "coherent"])
def test_joint_transmission_equals_plain_loops(mode: Mode) -> None:
    made = coordinated(CoordinationSettings(mode=mode))
    state, _ = run(made, 3, helps=True)
    user = bought(made, state, 4, helps=True).user
    grant = sent(made, state, user)
    assert grant.precoder is not None
    gamma, active = radio(made)._received(0, state.block.response, grant)
    air = state.block.response
    precoder = {(c, k): grant.precoder[0, c, k].numpy() for c in range(7) for k in range(12) if user[0, c, k] != -1}
    loops = oracle.slot_loops(
        air.matrices[0][..., 0, :].numpy(),
        air.cells.heard[0].numpy(),
        air.cells.rest_snr[0].numpy(),
        precoder,
        user[0].numpy(),
        mode == "coherent",
    )
    for (cell, prb), one in loops.items():
        assert float(gamma[cell, prb]) == pytest.approx(one, rel=1e-9)
    assert int(active.sum()) == 7 * 12 and int((gamma > 0).sum()) == 7 * 12 - 4  # a helper holds nothing


def test_the_expectation_is_what_is_received_where_reports_are_fresh_and_all_is_coordinated() -> None:
    """With every cell heard and in one cluster, and matrices that do not change, SINRs differ by quantisation only."""
    settings = CoordinationSettings(clusters=(tuple(range(7)),), spared="all")
    made = coordinated(settings, mimo=antennas(ports=8, heard_cells=7))
    state = made.start()
    grant = sent(made, state, bought(made, state, 4).user)
    precoder, bits = radio(made)._plan(
        0, cluster_report(state.reports[0]), grant.grant.user[0], grant.sent[0], state.attached.serving[0]
    )
    gamma, _ = radio(made)._received(0, state.block.response, grant)
    seen = made.parts.tables.adaptation.bits_of_sinr[log_grid.index(gamma)]
    assert torch.equal(seen, bits) and float(bits.max()) > 0
    assert float(precoder.abs().square().sum(-1).max()) == pytest.approx(1.0)


def test_bought_prbs_carry_bits_and_count_once() -> None:
    made = coordinated(CoordinationSettings())
    state, total = run(made, 40)
    buyer = [u for u in state.attached.roster[0, 0].tolist() if u < made.shape[1]][-1]
    other = total[made.counters.index("other_cell_prbs"), 0]
    assert float(other[buyer]) > 0 and float(other.sum()) == float(other[buyer])
    assert float(total[_SERVED, 0, buyer]) > 0 and float(total[_GRANTED, 0, buyer]) == 40 * 8
    helped = coordinated(CoordinationSettings(mode="coherent"))
    _, total = run(helped, 10, helps=True)
    assert float(total[_GRANTED, 0, buyer]) == 10 * 4  # a PRB that two cells send is one PRB


def test_nulls_and_joint_transmission_raise_the_sinr_of_the_buyer() -> None:
    means, sums = {}, {}
    for name, settings, helps in (
        ("mrt", CoordinationSettings(precoder="mrt"), False),
        ("zf", CoordinationSettings(precoder="zf"), False),
        ("wmmse", CoordinationSettings(precoder="wmmse"), False),
        ("non_coherent", CoordinationSettings(mode="non_coherent"), True),
        ("coherent", CoordinationSettings(mode="coherent"), True),
    ):
        made = coordinated(settings, ids=(1, 2, 3, 4))
        state = made.start()
        decision = bought(made, state, 4, helps)
        grant = sent(made, state, decision.user)
        sinr = torch.stack([radio(made)._received(b, state.block.response, grant)[0] for b in range(4)])
        theirs = [sinr[b][decision.user[b] == buyer(state, b, made)] for b in range(4)]
        means[name] = float(torch.cat(theirs).log2().mean())
        sums[name] = float((1 + sinr).log2().mean())
    assert means["mrt"] < means["zf"]
    assert sums["wmmse"] > max(sums["mrt"], sums["zf"])  # it maximises the sum, and may leave the buyer without power
    assert means["mrt"] < means["non_coherent"] < means["coherent"]


def buyer(state: CellState, drop: int, made: Engine) -> int:
    return int([u for u in state.attached.roster[drop, 0].tolist() if u < made.shape[1]][-1])


def test_a_drop_is_the_same_alone_and_in_a_batch() -> None:
    settings = CoordinationSettings(precoder="slnr")
    together = run(coordinated(settings, ids=(0, 1, 2), dtype=torch.float32), 12)
    for place, drop in enumerate((0, 1, 2)):
        alone = run(coordinated(settings, ids=(drop,), dtype=torch.float32), 12)
        assert torch.equal(alone[1][:, 0], together[1][:, place])


def test_mode_none_is_mrt_without_a_cluster() -> None:
    made = coordinated(CoordinationSettings(mode="none"))
    state = made.start()
    report = cluster_report(state.reports[0])
    assert report.coordinated.sum() == report.coordinated[..., 0].sum() == made.shape[1]
    grant = sent(made, state, first_ues(made, state))
    own = report.rows[0][first_ues(made, state)[0], torch.arange(12), 0]
    assert grant.precoder is not None
    beam = (own * grant.precoder[0]).sum(-1)
    np.testing.assert_allclose(beam.abs().square(), own.abs().square().sum(-1), rtol=1e-9)


def test_helpers_are_told_from_holders() -> None:
    user, helped = torch.tensor([[[3, -1, -1]]]), torch.tensor([[[7, 7, -1]]])
    both = with_helpers(user, helped)
    assert both.tolist() == [[[3, -9, -1]]] and target(both).tolist() == [[[3, 7, -1]]]


@pytest.mark.parametrize(
    ("settings", "ports", "words"),
    [
        ({"most_nulls": 4}, 4, "a cell of 4 ports can spare 3 UEs"),
        ({"most_nulls": 1}, 1, "a cell of 1 port can spare 0 UEs"),
        ({"clusters": ((0, 9),)}, 4, "clusters.0 names the cell 9; there are 0 to 6"),
        ({"clusters": ((0, 0),)}, 4, "clusters.0 has one cell"),
        ({"cluster_size": 1}, 4, "cluster_size is 1"),
    ],
)
def test_what_cannot_be_coordinated_is_refused(settings: dict[str, object], ports: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        coordinated(CoordinationSettings(**settings), mimo=antennas(ports))  # type: ignore[arg-type]


def test_static_clusters_overlap() -> None:
    settings = CoordinationSettings(clusters=((0, 1), (1, 2)))
    together = settings.together(4, torch.device("cpu"))
    assert together is not None
    assert together.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]


def test_a_decision_of_the_scheduler_alone_runs() -> None:
    made = coordinated(CoordinationSettings(), mimo=antennas(ports=1))
    state = made.start()
    state, outcome = made.step(state, SchedulingDecision(first_ues(made, state)), made.observe(state).need_prbs)
    assert float(outcome.active_prbs.sum()) == 7 * 12
