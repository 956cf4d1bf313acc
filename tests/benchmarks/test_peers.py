"""The comparison with other simulators: what it prints of figures made up here, and that each adapter simulates."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.peers.compare")


@pytest.fixture
def base(peers: ModuleType) -> ModuleType:
    return importlib.import_module("benchmarks.peers.base")


def figures(peers: ModuleType, rates: dict[int, list[float]], error: str = "") -> Any:
    readings = {batch: [peers.Reading(rate) for rate in of_rounds] for batch, of_rounds in rates.items()}
    return peers.Figures(readings, error)


def peer(base: ModuleType, name: str = "other", distribution: str = "torch", **more: Any) -> Any:
    return base.Peer(name=name, distribution=distribution, models="a", lacks="b", prepare=None, **more)


def cells(table: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert {len(row) for row in rows} == {len(rows[0])}
    return {row[0]: row[1:] for row in rows}


def test_a_table_has_rates_of_one_and_of_the_best_batch_and_ratios_of_like_to_like(
    peers: ModuleType, base: ModuleType
) -> None:
    ours, other = peers.OURS[0], peer(base)
    results = {
        ("fairwave", "W1"): figures(peers, {1: [700.0, 900.0, 800.0], 8: [3000.0], 32: [2000.0]}),
        ("other", "W1"): figures(peers, {1: [200.0], 4: [300.0]}),
        ("fairwave", "W2"): figures(peers, {1: [50.0], 4: [40.0]}),
        ("other", "W2"): figures(peers, {1: [0.5]}),
    }
    rows = cells(peers.table([ours, other], ["W1", "W2"], results))
    assert rows["simulator"][1:5] == ["W1, slots/s", "W2, slots/s", "fairwave / it, W1", "fairwave / it, W2"]
    assert rows["fairwave"][1:5] == ["800 / 3000 (8)", "50.0", "", ""]
    ratios, about = ["4.00 / 10.0", "100 / 100"], ["all users in every slot", "a", "b"]
    assert rows["other"] == [torch.__version__, "200 / 300 (4)", "0.500", *ratios, *about]


def test_a_mode_of_fairwave_has_ratios_of_its_own(peers: ModuleType, base: ModuleType) -> None:
    fast = base.Fairwave(name="fairwave-fast", distribution="fairwave", models="", lacks="")
    of_w1 = {"fairwave": 10.0, "fairwave-fast": 40.0, "other": 5.0}
    results = {(name, "W1"): figures(peers, {1: [rate]}) for name, rate in of_w1.items()}
    rows = cells(peers.table([peers.OURS[0], fast, peer(base)], ["W1"], results))
    assert {name: row[2:4] for name, row in rows.items()} == {
        "simulator": ["fairwave / it, W1", "fairwave-fast / it, W1"],
        "-" * len("fairwave-fast") + "--": rows["-" * 15][2:4],
        "fairwave": ["", "4.00 / 4.00"],
        "fairwave-fast": ["0.250 / 0.250", ""],
        "other": ["2.00 / 2.00", "8.00 / 8.00"],
    }


def test_a_failed_peer_has_a_sentence_in_the_cell_and_no_ratio(peers: ModuleType, base: ModuleType) -> None:
    results = {("fairwave", "W1"): figures(peers, {1: [9.0]}), ("other", "W1"): figures(peers, {}, "ValueError: no")}
    assert cells(peers.table([peers.OURS[0], peer(base)], ["W1"], results))["other"][1:3] == ["ValueError: no", ""]
    turned = {("fairwave", "W1"): results["other", "W1"], ("other", "W1"): results["fairwave", "W1"]}
    assert cells(peers.table([peers.OURS[0], peer(base)], ["W1"], turned))["other"][1:3] == ["9.00", ""]


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_a_peer_that_is_not_installed_is_named_and_the_rest_runs(
    form: list[str],
    peers: ModuleType,
    base: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    taken = []

    def alone(name: str, workload: str, batch: int, seconds: float) -> Any:
        taken.append((name, workload, batch, seconds))
        return peers.Reading(100.0 * batch)

    monkeypatch.setattr(peers, "PEERS", [peer(base, "absent", "no-such-simulator"), peer(base, "present")])
    monkeypatch.setattr(peers, "alone", alone)
    for name in peers.ONE_THREAD:
        monkeypatch.setenv(name, "2")
    assert peers.main(["W3", "--rounds", "1", "--seconds", "0.5", *form]) == 0
    ours = [(one.name, "W3") for one in peers.OURS for _ in one.tried("W3")]
    assert [one[:2] for one in taken] == [*ours, ("present", "W3")]
    assert {one[3] for one in taken} == {0.5}
    told = capfd.readouterr()
    assert "round 1 of 1: present, W3, 1 side by side" in told.err
    if form:
        rows = {row["name"]: row for row in json.loads(told.out)["rows"]}
        assert rows["absent"]["error"] == "not installed: pip install no-such-simulator"
        assert rows["present"]["batches"] == [{"networks": 1, "slots_per_s": 100.0, "rounds": [100.0]}]
    else:
        rows = cells(told.out.split("\n\n")[0])
        assert rows["absent"][:3] == ["not installed: pip install no-such-simulator", "", ""]
        assert rows["present"][1] == "100"


def test_contenders_take_turns_and_only_the_best_batch_is_measured_again(peers: ModuleType, base: ModuleType) -> None:
    speed = {1: 1.0, 4: 30.0, 8: 2.0}
    taken = []

    def take(name: str, workload: str, batch: int) -> Any:
        taken.append((name, workload, batch))
        return "ValueError: no" if name == "b" else peers.Reading(speed[batch] * len(taken))

    contenders = [peer(base, "a", batches={"W1": (1, 4, 8)}), peer(base, "b", batches={"W1": (1, 8)}), peer(base, "c")]
    results = peers.sitting(contenders, ["W1", "W2"], 2, take)
    first = [("a", "W1", 1), ("a", "W1", 4), ("a", "W1", 8), ("b", "W1", 1), ("b", "W1", 8), ("c", "W1", 1)]
    assert taken[:9] == [*first, ("a", "W2", 1), ("b", "W2", 1), ("c", "W2", 1)]
    assert taken[9:] == [("a", "W1", 1), ("a", "W1", 4), ("c", "W1", 1), ("a", "W2", 1), ("c", "W2", 1)]
    assert results["b", "W1"].error == "ValueError: no" and results["b", "W1"].pair() is None
    assert results["a", "W1"].rate(1) == pytest.approx((1.0 + 10.0) / 2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["W4"], "unknown workload 'W4'; did you mean 'W3'? one of: W1, W1r, W2, W2r, W3, W3r"),
        (["wsn-100"], "unknown workload 'wsn-100'"),
        (["--only", "isaacnet"], "unknown peer 'isaacnet'; did you mean 'isaac-net'?"),
        (["--seconds", "0"], "--seconds must be more than 0, given 0"),
        (["--seconds", "nan"], "--seconds must be more than 0, given nan"),
        (["--rounds", "-1"], "--rounds must be more than 0, given -1"),
    ],
)
def test_bad_input(given: list[str], told: str, peers: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers.main(given) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"error: {told}") and err.count("\n") == 1


def test_a_failure_is_a_sentence(peers: ModuleType, base: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(size: Any, batch: int) -> Any:
        raise ValueError(f"no {batch}\n  networks | of {size.cells} cells" + "!" * 200)

    monkeypatch.setattr(peers, "PEERS", [base.Peer(name="x", distribution="x", models="", lacks="", prepare=prepare)])
    told = peers.measure("x", "W2", 4, 1.0)
    assert told.startswith("ValueError: no 4 networks / of 21 cells!") and told.endswith("...") and len(told) < 140


def test_a_process_that_dies_is_a_sentence_too(peers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: object) -> None: ...
        def submit(self, *_: Any) -> None:
            raise ChildProcessError("killed")

    monkeypatch.setattr(peers, "ProcessPoolExecutor", Pool)
    assert peers.alone("fairwave", "W1", 1, 1.0) == "ChildProcessError: killed"


def test_the_median_window_counts_and_slow_steps_are_timed_too(
    base: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, steps = [0.0], itertools.count()

    def advance() -> None:
        number = next(steps)
        now[0] += 5.0 if number in (0, 9) else 0.1  # a first call that compiles, and a neighbour's burst

    monkeypatch.setattr(base.time, "perf_counter", lambda: now[0])
    reading = base.Session(advance, slots=20, signs=lambda: {"acks": 0.9}).reading(3.0)
    assert reading.slots_per_s == pytest.approx(20 / 0.1) and reading.signs == {"acks": 0.9}
    assert next(steps) == 2 + 5 * 6
    steps = itertools.count(10)
    base.Session(advance, slots=1, signs=dict).reading(0.05)
    assert next(steps) == 10 + 2 + 5


def test_fairwave_is_measured_by_its_own_bench(
    peers: ModuleType, base: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scenarios.bench import measure as measuring
    from scenarios.bench.case import BenchCase, BenchOptions

    def measure(case: BenchCase) -> dict[str, Any]:
        return {"slots_per_s": 7.0, "asked": asked.append(case)}

    asked: list[Any] = []
    monkeypatch.setattr(measuring, "measure", measure)
    fast = base.Fairwave(name="f", distribution="f", models="", lacks="", mode="fast")
    assert fast.measure(peers.SIZES["W2"], 4, 1.0).slots_per_s == 7.0
    assert asked == [BenchCase("W2", 4, "fast", BenchOptions())]


def test_sizes_are_those_of_the_bench(peers: ModuleType) -> None:
    sizes = {name: (size.cells, size.users, size.prbs) for name, size in peers.SIZES.items()}
    usual = {"W1": (7, 70, 50), "W2": (21, 210, 100), "W3": (57, 570, 100)}
    assert sizes == {**usual, **{f"{name}r": size for name, size in usual.items()}} and tuple(usual) == peers.USUAL
    assert peers.OURS[0].tried("W1r") == peers.OURS[0].tried("W1")


def test_simulators_says_what_it_models(peers: ModuleType) -> None:
    simulators = [*peers.OURS, *peers.PEERS]
    assert len({one.name for one in simulators}) == len(simulators)
    for one in simulators:
        assert one.models and one.lacks and "|" not in one.models + one.lacks
        assert set(one.batches) <= set(peers.SIZES) and all(one.tried(name)[0] == 1 for name in peers.SIZES)


def test_peers_are_optional_and_stay_in_benchmarks(peers: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=\[]", one)[0] for one in project["dependencies"]}
    extra = {re.split(r"[<>=\[]", one)[0] for one in project["optional-dependencies"]["peers"]}
    environments = importlib.import_module("benchmarks.peers.environment_steps").ENVIRONMENTS
    used = {one.distribution for one in (*peers.PEERS, *environments)} - {"fairwave"}
    assert used - needed == extra and not extra & needed
    rooms = [path for room in ("phy", "mac", "allocators", "scenarios") for path in (ROOT / room).rglob("*.py")]
    assert [
        path for path in rooms if re.search(r"\b(mobile_env|isaac_net|vmas)\b", path.read_text(encoding="utf-8"))
    ] == []


def test_places_are_uniform_over_a_ring(base: ModuleType) -> None:
    share = [step / 1000 for step in range(1000)]
    far = [x * x + y * y for x, y in (base.around(one, one, 30.0, 50.0) for one in share)]
    assert min(far) == pytest.approx(30**2) and max(far) < 50**2
    assert sum(far) / len(far) == pytest.approx((30**2 + 50**2) / 2, rel=0.01)


def test_mobile_env_serves_every_user(peers: ModuleType, base: ModuleType) -> None:
    pytest.importorskip("mobile_env", reason="a peer: pip install mobile-env")
    session = importlib.import_module("benchmarks.peers.mobile_env").prepare(base.Size("small", 5, 1, 10, 3), 1)
    for _ in range(3):
        session.advance()
    assert session.signs() == {"users_served": 1.0} and session.slots == 1


@pytest.mark.parametrize("rbg_prbs", [None, 1])
def test_isaac_net_gives_every_prb(rbg_prbs: int | None, peers: ModuleType, base: ModuleType) -> None:
    pytest.importorskip("isaac_net", reason="a peer: pip install isaac-net")
    module = importlib.import_module("benchmarks.peers.isaac_net")
    session = module.prepare(base.Size("small", 7, 2, 12, 2), 2, rbg_prbs)
    for _ in range(3):
        session.advance()
    signs = session.signs()
    assert session.slots == 2 * module.SLOTS_PER_STEP
    assert signs["prbs_given"] == 1.0 and 0.5 < signs["acks"] <= 1.0
    assert 0.5 < signs["mbps_per_cell"] / (12 * 0.18) < 6.0  # bit/s/Hz


SMALL = ("small", 7, 3, 6, 3)


@pytest.fixture
def sionna(peers: ModuleType) -> ModuleType:
    pytest.importorskip("sionna.sys")
    return importlib.import_module("benchmarks.peers.sionna_sys")


def test_both_ways_through_sionnas_receiver_are_plain_arithmetic(sionna: ModuleType, base: ModuleType) -> None:
    size = base.Size(*SMALL)
    draw = torch.Generator().manual_seed(1)
    shape = (2, size.users, size.cells, size.prbs)
    h = torch.view_as_complex(torch.randn(*shape, 2, generator=draw))
    fade = 0.5 + torch.rand(shape[:-1], generator=draw)
    holder = torch.randint(size.users_per_cell, (2, size.cells, 1, size.prbs), generator=draw)
    scheduled = torch.nn.functional.one_hot(holder, size.users_per_cell)[..., None].bool()
    expected = torch.zeros(scheduled.shape)
    for drop, cell, prb in itertools.product(range(2), range(size.cells), range(size.prbs)):
        local = int(holder[drop, cell, 0, prb])
        user = cell * size.users_per_cell + local
        heard = h[drop, user, :, prb].abs().square() * fade[drop, user]
        expected[drop, cell, 0, prb, local, 0] = heard[cell] / (1 + heard.sum() - heard[cell])
    for way in (sionna.sinr_of_scheduled, sionna.sinr_of_all):
        assert torch.allclose(way(size)(h, fade, scheduled), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("sectors", [1, 3])
def test_sionnas_users_lie_in_order_of_their_cells(sectors: int, sionna: ModuleType, base: ModuleType) -> None:
    size = base.Size("small", 7, sectors, 2, 6)
    power = sionna.response(size, 1).abs().square().mean(-1)[0]
    assert power.shape == (size.users, size.cells)
    home = torch.arange(size.cells).repeat_interleave(size.users_per_cell)
    assert float((power.argmax(-1) == home).float().mean()) > 0.4  # in other orders one in seven, or in 21


def test_sionnas_slot_loop(sionna: ModuleType, base: ModuleType) -> None:
    session = sionna.prepare(base.Size("small", 7, 1, 10, 4), 2, sionna.sinr_of_scheduled)
    for _ in range(60):
        session.advance()
    signs = session.signs()
    assert session.slots == 2 and signs["prbs_given"] == 1.0
    assert signs["users_served"] > 0.5 and 0.3 < signs["acks"] < 1.0
    assert 0.3 < signs["mbps_per_cell"] / (10 * 0.18) < 6.0  # bit/s/Hz
