"""Rounds of a sensor field against plain loops, the conservation of energy, and what a decision may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracles_wsn as oracle
import pytest
import torch
from torch import Tensor

from allocators.registry import available, resolve
from mac.core.contracts import InfeasibleDecision
from mac.core.loop import Span, run
from mac.wsn import Control, WsnDecision
from mac.wsn.energy_ledger import CAUSES
from mac.wsn.problem import WsnParts, WsnProblem
from mac.wsn.settings import AccountSettings, BatterySettings, FailureSettings, SensingSettings, SinkSettings
from phy.random import Drops, uniform
from phy.sensors.deployment import DeploymentSettings, place_nodes
from phy.sensors.packet_error import SensorLinkSettings
from phy.sensors.radio_energy import SensorRadioSettings
from scenarios import families, load

CPU = torch.device("cpu")
ACCOUNT = AccountSettings(header_bits=200, sense_j=1e-5, idle_j=2e-6, listen_j=3e-6)


def problem(ids: tuple[int, ...] = (0, 1, 2), nodes: int = 15, **parts: Any) -> WsnProblem:
    drops = Drops(4, ids)
    defaults = {
        "drops": drops,
        "position_m": place_nodes(drops, DeploymentSettings(nodes=nodes)),
        "extent_m": (100.0, 100.0),
        "radio": SensorRadioSettings(),
        "account": ACCOUNT,
        "battery": BatterySettings(initial_j=0.004, spread=0.9),
        "sensing": SensingSettings(),
        "sink": SinkSettings(),
        "failures": FailureSettings(),
        "link": SensorLinkSettings(),
        "round_s": 1.0,
        "device": CPU,
    }
    return WsnProblem(WsnParts(**{**defaults, **parts}))  # type: ignore[arg-type]


def any_tree(drops: Drops, nodes: int) -> WsnDecision:
    """Sends each node's packets to a node of a lower number or to the sink; a third of the nodes fuse."""
    luck = uniform(drops.keys("tree"), (2, nodes))
    parent = (luck[:, 0] * (torch.arange(nodes) + 1)).long() - 1
    return WsnDecision(parent, luck[:, 1] < 0.33)


@pytest.mark.parametrize(("fuse_own", "some"), [(True, False), (False, False), (True, True), (False, True)])
@pytest.mark.parametrize("form", ["numba", "torch"])
def test_a_round_is_that_of_plain_loops(form: Any, fuse_own: bool, some: bool) -> None:
    account = replace(ACCOUNT, fuse_own=fuse_own)
    field = problem(account=account)
    field.backend = form
    decision = any_tree(field.drops, 15)
    if some:  # every other node pays for its own packet
        decision = replace(decision, fuses_own=(torch.arange(15) % 2 == 0).expand(3, 15))
    state = field.start()
    after, outcome = field.step(state, decision)
    ledger = outcome.extras["ledger_j"]
    assert isinstance(ledger, Tensor)
    for drop in range(3):
        place = [(float(x), float(y)) for x, y in field.position_m[drop]]
        left, paid, arrived = oracle.play(
            oracle.Field(place, (50.0, 175.0), state.energy_j[drop].tolist()),
            decision.parent[drop].tolist(), decision.head[drop].tolist(), field.parts.radio, account,
            None if decision.fuses_own is None else decision.fuses_own[drop].tolist(),
        )  # fmt: skip
        assert after.energy_j[drop].tolist() == pytest.approx(left, rel=1e-12, abs=1e-18)
        assert outcome.packets[drop].tolist() == [float(one) for one in arrived]
        for number, cause in enumerate(CAUSES):
            exact = [node.get(cause, 0.0) for node in paid]
            assert ledger[drop, number].tolist() == pytest.approx(exact, rel=1e-12, abs=1e-18), cause
    assert 0 < outcome.packets.sum() < 45  # some could not pay


@pytest.mark.parametrize("name", sorted(available("wsn")))
@pytest.mark.parametrize("control_bits", [0, 100])
def test_the_ledger_adds_up_to_what_batteries_lost(name: str, control_bits: int) -> None:
    field = problem(
        account=replace(ACCOUNT, control_bits=control_bits),
        battery=BatterySettings(initial_j=0.05, spread=0.5, harvest_j=1e-5, harvest_period_rounds=20),
        failures=FailureSettings(mean_life_rounds=400),
    )
    windows = run(field, resolve(name, "wsn"), Span(intervals=60, window=60)).arrays
    lost = field.initial_j.numpy() + windows["harvested_j"] - windows["left_j"][:, 0]
    assert windows["ledger_j"].sum(1) == pytest.approx(lost, rel=1e-12, abs=1e-15)
    assert windows["energy_j"].sum() == pytest.approx(windows["ledger_j"].sum(), rel=1e-12)
    assert (windows["ledger_j"][:, CAUSES.index("control")].sum() > 0) == (control_bits > 0 and name not in ("direct",))


@pytest.mark.parametrize("name", sorted(available("wsn")))
def test_a_drop_alone_is_the_drop_in_a_batch(name: str) -> None:
    settings: dict[str, Any] = {
        "battery": BatterySettings(initial_j=0.03, advanced_share=0.2, advanced_extra=1.0),
        "sensing": SensingSettings(model="events", event_radius_m=60.0),
        "link": SensorLinkSettings(model="log_distance"),
        "nodes": 20,
    }
    together = run(problem((0, 5, 9), **settings), resolve(name, "wsn"), Span(intervals=40, window=20)).arrays
    alone = run(problem((5,), **settings), resolve(name, "wsn"), Span(intervals=40, window=20)).arrays
    for key, values in alone.items():
        assert np.array_equal(values, together[key][1:2], equal_nan=True), key


def test_compiled_loops_and_torch_run_the_same_rounds() -> None:
    """To the last death, with harvesting, nodes that break, a sink that moves and nodes that have nothing to send."""
    forms = []
    for form in ("numba", "torch"):
        field = problem(
            battery=BatterySettings(initial_j=0.01, spread=0.5, harvest_j=1e-6, harvest_period_rounds=7),
            failures=FailureSettings(mean_life_rounds=60),
            sensing=SensingSettings(model="random", probability=0.6),
            sink=SinkSettings(orbit_radius_m=30.0),
        )
        field.backend = form  # type: ignore[assignment]
        forms.append(run(field, resolve("leach", "wsn"), Span(intervals=80, window=20)).arrays)
    for key, values in forms[0].items():
        assert values == pytest.approx(forms[1][key], rel=1e-9, abs=1e-15, nan_ok=True), key
    assert forms[0]["alive"][:, -1].max() < 15


def test_control_messages_cost_both_ends() -> None:
    """One head, two members in reach, one node beyond it that sends to the sink."""
    place = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 10.0], [90.0, 90.0]]], dtype=torch.float64)
    account = AccountSettings(control_bits=1000)
    field = problem(
        (0,), position_m=place, account=account, sink=SinkSettings(x_m=0.0, y_m=-20.0), battery=BatterySettings()
    )
    control = Control(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([[10.0, 0.0, 0.0, 0.0]]))
    decision = WsnDecision(torch.tensor([[-1, 0, 0, -1]]), torch.tensor([[True, False, False, False]]), control)
    _, outcome = field.step(field.start(), decision)
    ledger = outcome.extras["ledger_j"]
    assert isinstance(ledger, Tensor)
    electronics, amplifier = 50e-9, 10e-12
    joins = [1000 * (electronics + amplifier * d2) for d2 in (25.0, 100.0)]
    expected = [
        1000 * (electronics + amplifier * 100.0) + 2 * 1000 * electronics,  # its broadcast, two joins heard
        joins[0] + 1000 * electronics,
        joins[1] + 1000 * electronics,
        0.0,
    ]
    assert ledger[0, CAUSES.index("control")].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("parent", "head", "message"),
    [
        ([-1, 0, 1], [False, False, True], "node 2 is a head, and it is dead"),
        ([-1, 2, -1], [False] * 3, "node 1 sends to node 2, which is dead"),
        ([-1, -2, -2], [False] * 3, "node 1 lives and has no way"),
        ([-1, 3, -1], [False] * 3, "node 1 sends to node 3, which does not exist"),
        ([1, 0, -1], [False] * 3, "node 0 goes round in a circle"),
        ([0, -1, -1], [False] * 3, "node 0 goes round in a circle"),
    ],
)
@pytest.mark.parametrize("form", ["numba", "torch"])
def test_forbidden_decisions(form: Any, parent: list[int], head: list[bool], message: str) -> None:
    field = problem((7,), nodes=3, battery=BatterySettings())
    field.backend = form
    state = field.start()
    alive = torch.tensor([[True, True, False]])
    state = replace(state, alive=alive, observation=replace(state.observation, alive=alive))
    with pytest.raises(InfeasibleDecision, match=message) as raised:
        field.step(state, WsnDecision(torch.tensor([parent]), torch.tensor([head])))
    assert raised.value.drop == 7


def test_shapes_and_types_are_checked() -> None:
    field = problem((7,), nodes=3)
    with pytest.raises(InfeasibleDecision, match="must return a WsnDecision, not list"):
        field.step(field.start(), [])  # type: ignore[arg-type]
    with pytest.raises(InfeasibleDecision, match=r"head must have shape \[1, 3\], not \[1, 2\]"):
        field.step(field.start(), WsnDecision(torch.tensor([[-1, -1, -1]]), torch.zeros((1, 2), dtype=torch.bool)))


def test_a_field_of_dead_nodes_ends_the_run() -> None:
    field = problem(battery=BatterySettings(initial_j=0.0))
    windows = run(field, resolve("leach", "wsn"), Span(intervals=1000, window=100)).arrays
    assert windows["alive"].shape == (3, 10)
    assert windows["alive"].sum() == windows["packets"].sum() == windows["life_rounds"].sum() == 0


def test_a_run_that_ends_early_has_all_its_windows() -> None:
    field = problem(battery=BatterySettings(initial_j=0.01))
    windows = run(field, resolve("direct", "wsn"), Span(intervals=500, window=5)).arrays
    assert windows["alive"].shape == (3, 100)
    assert (windows["alive"][:, -1] == 0).all() and (windows["alive"][:, 0] > 0).all()
    assert (windows["life_rounds"] < 500).all()
    lived = windows["demand_bits"].sum(1) / 4000
    assert (lived == windows["life_rounds"]).all()


def test_the_mobile_sink_goes_round() -> None:
    sink = SinkSettings(x_m=50.0, y_m=50.0, orbit_radius_m=30.0, orbit_rounds=4)
    field = problem((0,), sink=sink, battery=BatterySettings())
    state = field.start()
    seen = []
    for _ in range(4):
        seen.append(state.observation.sink_m[0].tolist())
        state, _ = field.step(state, resolve_direct(field, state))
    assert seen == [pytest.approx(p, abs=1e-9) for p in ([80.0, 50.0], [50.0, 80.0], [20.0, 50.0], [50.0, 20.0])]


def resolve_direct(field: WsnProblem, state: Any) -> WsnDecision:
    allocator = resolve("direct", "wsn")
    allocator.reset(field.context, 0)
    decision: WsnDecision = allocator.decide(state.observation)
    return decision


def test_harvest_never_overfills() -> None:
    battery = BatterySettings(initial_j=0.5, harvest_j=0.1)
    field = problem((0,), battery=battery, account=AccountSettings())
    windows = run(field, resolve("direct", "wsn"), Span(intervals=200, window=200)).arrays
    assert (windows["left_j"] <= 0.5 + 1e-12).all() and (windows["life_rounds"] == 200).all()


def test_energies_are_float64_throughout() -> None:
    """A Python number times a tensor of bool is float32: a charge of 0.1 J would be 1.5e-8 off."""
    account = {"control_bits": 100, "idle_j": 1e-6, "listen_j": 1e-6, "sense_j": 1e-6}
    settings = {"sensing.model": "random", "sensing.probability": 0.5, "battery.harvest_j": 1e-5}
    scenario = load("wsn-field", account=account, **settings, **{"battery.initial_j": 0.1, "field.nodes": 8})
    field = families.find("wsn").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float32)
    assert field.context.initial_j.tolist() == [[0.1] * 8]
    allocator = resolve("leach", "wsn")
    allocator.reset(field.context, 0)
    state = field.start()
    for _ in range(3):
        state, outcome = field.step(state, allocator.decide(state.observation))
        tensors = {**outcome.__dict__, **outcome.extras, "charge": state.energy_j}
        floats = {name: t.dtype for name, t in tensors.items() if isinstance(t, torch.Tensor) and t.is_floating_point()}
        assert len(floats) > 8 and set(floats.values()) == {torch.float64}, floats
