"""Several processes for a run: not a bit changes, whatever goes wrong is one sentence, and no process stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import toy_family
import xarray as xr
from run_helpers import Toy, files, refused, run
from typer.testing import CliRunner

from mac.core.contracts import AllocatorError
from scenarios import families, load
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.results.shards import read_shard
from scenarios.running import memory
from scenarios.running.batch import Batch
from scenarios.running.entrants import as_settings, entrants_of
from scenarios.running.executors import dispatch
from scenarios.running.executors.dispatch import Job, computed
from scenarios.running.executors.local import local_processes
from scenarios.running.plan import make_plan
from scenarios.running.worker import run_pickled_batch
from scenarios.running.worker_pickling import pickled_batches


def arrays(folder: str) -> dict[str, xr.Dataset]:
    """Everything in a run's shards, by variant and allocator, whatever the shards are cut into."""
    found: dict[str, list[xr.Dataset]] = {}
    for path in sorted(Path(folder).rglob("*.nc")):
        found.setdefault(f"{path.parent.parent.name}/{path.parent.name}", []).append(read_shard(path).drop_attrs())
    return {run_key: xr.concat(shards, "drop", data_vars="minimal") for run_key, shards in found.items()}


def alike(one: str, other: str) -> bool:
    """Are all arrays and the tables of two runs the same, bit for bit?"""
    here, there = arrays(one), arrays(other)
    same = here.keys() == there.keys() and all(here[run_key].identical(there[run_key]) for run_key in here)
    return same and all(
        Path(one, name).read_bytes() == Path(other, name).read_bytes() for name in ("metrics.csv", "paired.csv")
    )


def cut(scenario: Toy, workers: int, **changes: Any) -> tuple[int, int, int, int]:
    """Processes, batches, drops and allocators of a batch in a plan."""
    plan = make_plan(load(scenario, **changes), workers)
    part = plan.parts[0]
    return plan.workers, sum(part.batches for part in plan.parts), part.drops_per_batch, part.entrants


def test_results_are_those_of_one_process(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_here(*_: object) -> None:
        raise AssertionError("a batch ran in the parent")

    toy["variants"] = {"few": {"users": 2}, "fast": {"pipe.rate_bps": 2e6}}
    allocators = {"mine": toy_family.Greedy(3.0), "even": "toy_family:Even"}
    run(toy, allocators, out="one", drops=3)
    monkeypatch.setattr("scenarios.running.run.run_batch", nothing_here)
    run(toy, allocators, out="two", drops=3, drops_per_batch=2, workers=2)
    assert alike("one", "two")
    assert len(files(Path("two/shards"))) > len(files(Path("one/shards")))
    assert json.loads(Path("two/meta.json").read_text())["workers"] == 2
    assert json.loads(Path("one/meta.json").read_text())["workers"] == 1
    assert not workers_left()


def test_results_of_a_network_are_those_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"drops": 1, "duration_s": 40.0, "window_s": 20.0}
    for workers in (1, 2):
        run("wsn-field", ["leach", "pegasis"], out=str(workers), workers=workers, **settings)
    assert alike("1", "2"), "one drop, an allocator for each worker"


def workers_left() -> list[psutil.Process]:
    """Worker processes of this one."""
    return [child for child in psutil.Process().children() if "loky.backend.popen" in " ".join(child.cmdline())]


def test_batches_are_cut_until_every_worker_has_one(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert cut(toy, 1, drops=8, drops_per_batch=8) == (1, 1, 8, 2)
    assert cut(toy, 2, drops=8, drops_per_batch=8) == (2, 2, 4, 2)
    assert cut(toy, 2, drops=12, drops_per_batch=4) == (2, 4, 3, 2), "no worker idles while another has a whole batch"
    assert cut(toy, 3, drops=8) == (3, 3, 3, 2)
    assert cut(toy, 2, drops=1) == (2, 2, 1, 1), "an allocator each"
    assert cut(toy, 64, drops=2) == (4, 4, 1, 1), "no more processes than batches"
    toy["variants"] = {name: {"users": users} for users, name in enumerate(("a", "b", "c"), 2)}
    assert cut(toy, 3, drops=8, drops_per_batch=8) == (3, 3, 8, 2), "variants are batches enough"
    assert cut(toy, 4, drops=8, drops_per_batch=8) == (4, 6, 4, 2)


def test_each_worker_may_plan_with_its_share_of_the_memory(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    big, free = 10**9, int(9e9 / memory.SHARE)
    assert memory.fit(load(toy, bytes_per_drop=big), families.find("toy"), "cpu", free)[0] == 4
    with pytest.warns(UserWarning, match=r"drops_per_batch 4 -> 2: .* may be planned with by each of 3 workers"):
        assert memory.fit(load(toy, bytes_per_drop=big), families.find("toy"), "cpu", free, 3)[0] == 2
    monkeypatch.setattr(memory, "available_bytes", lambda _: free)
    text = refused(toy, bytes_per_drop=3 * big, workers=3)
    assert "only 2.7 GB of the 11.2 GB free" in text and "by each of 3 workers; take fewer workers, users" in text
    plan = make_plan(load(toy, bytes_per_drop=big, drops=4), 2)
    assert plan.bytes == 2 * (2 * big + memory.WORKER_BYTES)


def test_a_dry_run_says_so(toy: Toy) -> None:
    Path("toy.yaml").write_text(json.dumps(toy))
    dry = ["run", "toy.yaml", "--dry-run"]
    plan = json.loads(CliRunner().invoke(app, [*dry, "--workers", "2", "--json"]).stdout)
    assert (plan["workers"], plan["drops_per_batch"], plan["batches"]) == (2, 3, 4)
    assert plan["hash"] == json.loads(CliRunner().invoke(app, [*dry, "--json"]).stdout)["hash"]
    shown = CliRunner().invoke(app, [*dry, "--workers", "2"]).stdout
    assert "2, each a process of its own" in shown and "in all" in shown and "on these workers" in shown


@pytest.mark.parametrize("workers", [0, -1, "two", 1.5, True])
def test_a_number_of_workers_that_cannot_be_is_refused(toy: Toy, workers: object) -> None:
    assert "workers must be a whole number of 1 or more, given" in refused(toy, out="out", workers=workers)
    assert not Path("out").exists()


def test_more_workers_than_a_machine_could_bear_are_refused(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert "workers must be at most 12, 4 for each of the 3 processors here, given 13" in refused(toy, workers=13)


def test_a_gpu_is_not_shared_out(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "2 workers cannot share the device 'cuda'" in refused(toy, device="cuda", workers=2)


class Locked(toy_family.Even):
    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_an_allocator_that_cannot_be_pickled_is_refused_at_once(toy: Toy, tmp_path: Path) -> None:
    text = refused(toy, {"mine": Locked()}, out="out", workers=2)
    assert text.startswith("allocator 'mine' cannot be sent to worker processes (TypeError: cannot pickle")
    assert text.endswith("or leave workers out")
    assert files(tmp_path) == set()
    assert run(toy, {"mine": Locked()}, out="out", drops=1).allocators == ["mine"]


def a_batch(scenario: Toy, allocators: dict[str, object]) -> bytes:
    """The first batch of two workers, of two drops, as it is sent."""
    settings, things = as_settings(allocators)
    settled = load(scenario, allocators=settings, drops_per_batch=2)
    plan = make_plan(settled, 2)
    return pickled_batches(plan, [Batch(plan.parts[0], (0, 1), tuple(entrants_of(settled, things)))])[0]


def test_an_allocator_whose_class_cannot_be_imported_is_named(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("only_here")
    module.Mine = type("Mine", (toy_family.Even,), {"__module__": "only_here"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "only_here", module)
    batch = a_batch(toy, {"mine": module.Mine()})  # type: ignore[attr-defined]
    monkeypatch.delitem(sys.modules, "only_here")
    np.memmap("counts", np.int64, "w+", shape=(1,))
    error = run_pickled_batch(batch, Path("counts"), 0).error
    why = "ModuleNotFoundError: No module named 'only_here'"
    assert isinstance(error, ScenarioError)
    assert str(error).startswith(f"allocator 'mine' cannot be sent to worker processes ({why}); ")


class Odd(RuntimeError):
    """Cannot be made again from its text, and so not be unpickled."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} is not {other}")


def test_an_error_that_cannot_travel_is_told_all_the_same(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise Odd(1, 2)

    batch = a_batch(toy, {"even": toy_family.Even()})
    np.memmap("counts", np.int64, "w+", shape=(1,))
    monkeypatch.setattr("scenarios.running.worker.run_batch", fails)
    error = run_pickled_batch(batch, Path("counts"), 0).error
    assert type(error) is RuntimeError and str(error) == "1 is not 2"


PLUG = """
import os, signal, warnings
from toy_family import Even
print("at import")
warnings.warn("importing this is not advised")

class Talks(Even):
    def decide(self, demand):
        print("from Python")
        os.write(1, b"from C\\n")
        warnings.warn("too high\\nfor this model")
        return super().decide(demand)

class Fails(Even):
    def reset(self, context, seed):
        self.users = context.users
        if context.drops.ids[0] > 0:
            raise ZeroDivisionError("not this drop")

class Dies(Even):
    def decide(self, demand):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_batch_raises_comes_out_the_same_and_what_is_whole_stays(toy: Toy) -> None:
    Path("plug_fails.py").write_text(PLUG, "utf-8")
    told = []
    for workers in (1, 2):
        with pytest.raises(AllocatorError) as caught:
            run(toy, ["toy_family:Even", "plug_fails:Fails"], out=str(workers), workers=workers, drops_per_batch=3)
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert "Fails: reset() raised ZeroDivisionError: not this drop (plug_fails.py, line 18) (drops 3-5)" in told[1]
    assert Path("2/shards/_/Even/drops-00003-00005.nc").is_file(), "the allocator before it on these drops"
    assert not workers_left()


def test_a_worker_that_dies_is_one_sentence(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TRIES", 2)
    Path("plug_dies.py").write_text(PLUG, "utf-8")
    text = refused(toy, ["toy_family:Even", "plug_dies:Dies"], out="out", workers=2)
    assert text.startswith("a worker died 2 times on the same batch (a process of this machine): it was killed, or")
    assert "take fewer workers or fewer drops" in text
    assert not Path("out").exists() and not workers_left()


def test_workers_count_what_they_have_done_and_the_bar_follows(toy: Toy) -> None:
    settings, things = as_settings(["toy_family:Slow"])
    settled = load(toy, allocators=settings, drops_per_batch=2)
    plan = make_plan(settled, 2)
    batch = Batch(plan.parts[0], (0, 1), tuple(entrants_of(settled, things)))
    jobs = iter([Job(None, batch, pickled) for pickled in pickled_batches(plan, [batch] * 3)])
    seen: list[int] = []
    with local_processes(2) as executor:
        ended = [result.error for _, result in computed(executor, jobs, seen.append)]
    assert ended == [None] * 3
    assert sum(seen) == 3 * 2 * 5, "two drops, five intervals"
    assert min(count for count in seen if count) < 2 * 5, "counted before a batch ends"


START = """
import sys
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background inherits that Ctrl-C is ignored
sys.path.insert(0, {tests!r})
from scenarios import families
families.FAMILIES["toy"] = "toy_family:FAMILY"
from scenarios.cli.main import main
main()
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    """A command in a session of its own, whose processes get Ctrl-C together, as in a terminal."""
    code = START.format(tests=str(Path(__file__).parents[2] / "support"))
    command = [sys.executable, "-c", code, "run", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(what: Callable[[], bool]) -> None:
    while not what():
        time.sleep(0.02)


def cut_off(how: signal.Signals) -> tuple[int | None, str, str]:
    """Go on with a run in two workers until there is one more shard, then send a signal; no process stays behind."""
    before = len(list(Path("out").rglob("*.nc")))
    child = start("slow.yaml", "--out", "out", "--workers", "2", "--resume")
    wait_for(lambda: len(list(Path("out").rglob("*.nc"))) > before or child.poll() is not None)
    helpers = psutil.Process(child.pid).children()
    assert sum("loky.backend.popen" in " ".join(helper.cmdline()) for helper in helpers) == 2
    (os.killpg if how is signal.SIGINT else os.kill)(child.pid, how)
    out, err = child.communicate()
    wait_for(lambda: not any(helper.is_running() for helper in helpers))
    return child.returncode, out, err


def test_a_run_that_is_cut_off_leaves_no_process_and_resumes_with_any_number(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {**toy, "drops": 5, "drops_per_batch": 1, "duration_s": 12.0, "allocators": ["toy_family:Slow"]}
    Path("slow.yaml").write_text(json.dumps(slow))
    said = "error: interrupted; whole shards are kept in out, and --resume goes on from them\n"
    assert cut_off(signal.SIGINT) == (130, "", said)
    assert cut_off(signal.SIGKILL)[:2] == (-9, "")
    assert 2 <= len(list(Path("out").rglob("*.nc"))) < 5
    monkeypatch.setattr(toy_family.Slow, "decide", toy_family.Even.decide)  # the same, at once
    run("slow.yaml", out="out", resume=True)
    run("slow.yaml", out="whole")
    assert alike("out", "whole")


def test_warnings_are_told_once_and_what_is_printed_stays_out_of_the_document(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    Path("plug_talks.py").write_text(PLUG, "utf-8")
    Path("toy.yaml").write_text(json.dumps(toy))
    command = ["run", "toy.yaml", "--allocators", "plug_talks:Talks", "--workers", "2", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["scenario"] == "toy"
    assert done.stderr.count("warning: too high for this model\n") == 1
    assert done.stderr.count("warning: importing this is not advised\n") == 1
    assert done.stderr.count("warning") == 2
    told = capfd.readouterr()
    assert "from Python" in told.err and "from C" in told.err and told.out == ""


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from scenarios import families, run
families.FAMILIES["toy"] = "toy_family:FAMILY"
import toy_family
assert not {{"loky", "cloudpickle"}} & set(sys.modules), "imported where they are used"

class Counts(toy_family.Even):
    calls = 0

    def decide(self, demand):
        self.calls += 1
        if self.calls > 5:
            raise RuntimeError("this object has decided on another batch before")
        return super().decide(demand)

mine = Counts()
result = run("toy.json", {{"mine": mine}}, out="out", workers=2, plots=False, drops=3, drops_per_batch=1)
print("ran", len(result.per_drop["drop"].unique()), "drops;", mine.calls, "calls here")
"""


def test_a_script_needs_no_guard_and_every_batch_a_fresh_copy(toy: Toy) -> None:
    Path("toy.json").write_text(json.dumps(toy))
    Path("script.py").write_text(SCRIPT.format(tests=str(Path(__file__).parents[2] / "support")))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert done.stdout == "ran 3 drops; 0 calls here\n", done.stderr
    assert done.stderr == ""
