"""Everything of the user's that a run imported or read counts among what made its shards, by its contents."""

from __future__ import annotations

import enum
import functools
import json
import os
import subprocess
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_family
from run_helpers import Toy, refused, run

from mac.core.plugin_traceback import is_user_file
from scenarios import load
from scenarios.results import read_files
from scenarios.results.content_digest import UnknownContentError, content_digest
from scenarios.results.provenance import named_digest
from scenarios.results.shards import read_shard

CHANGED = "holds shards of other code or data than this"


def made_from(folder: str) -> dict[str, str]:
    """What stands in the shards of a run, all together."""
    shards = [json.loads(read_shard(path).attrs["made_from"]) for path in Path(folder).rglob("*.nc")]
    return {name: digest for files in shards for name, digest in files.items()}


def plug(name: str, source: str) -> str:
    """A plug-in in a module of its own, which no other test has imported."""
    Path(f"{name}.py").write_text(f"import toy_family\n\nclass Mine(toy_family.Even):\n{source}\n", "utf-8")
    return f"{name}:Mine"


LATE = """
    def decide(self, demand):
        import importlib
        return demand * 0 + importlib.import_module("late_" + str({number})).SHARE
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_helper_that_is_imported_late_counts(toy: Toy, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    helper = Path(f"late_{workers}.py")
    helper.write_text("SHARE = 0.1\n", "utf-8")
    toy["allocators"] = [plug(f"plug_late_{workers}", LATE.format(number=workers))]
    run(toy, out="out", workers=workers)
    assert {f"plug_late_{workers}.py", helper.name} <= made_from("out").keys()
    assert run(toy, out="out", resume=True, workers=workers).complete
    helper.write_text("SHARE = 0.2\n", "utf-8")
    text = refused(toy, out="out", resume=True)
    assert CHANGED in text and f"{helper.name} has changed since, or is gone; start a new folder" in text
    helper.unlink()
    assert helper.name in refused(toy, out="out", resume=True)


def test_a_helper_counts_that_this_process_had_imported_before(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a statement, within a function or by a call; what the plug-in does not need stays out."""
    monkeypatch.syspath_prepend(Path.cwd())
    Path("aged").mkdir()
    for name in ("__init__", "deep", "said", "inner", "other"):
        Path(f"aged/{name}.py").write_text("X = 1\n" if name != "deep" else "from . import inner\n", "utf-8")
    for name in ("aged.deep", "aged.said", "aged.other"):
        __import__(name)
    body = "    def late(self):\n        import importlib\n        from aged.deep import inner\n"
    body += "        importlib.import_module('aged.said')\n"
    run({**toy, "allocators": [plug("plug_aged", body)]}, out="out")
    assert made_from("out").keys() - {str(Path(toy_family.__file__))} == {
        "plug_aged.py", "aged/__init__.py", "aged/deep.py", "aged/inner.py", "aged/said.py"
    }  # fmt: skip


def test_what_was_imported_counts_and_not_what_its_file_says_now(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was edited after its import must not vouch for numbers of what it was before."""
    monkeypatch.syspath_prepend(Path.cwd())
    toy["allocators"] = [plug("plug_stale", "    gain = 1")]
    run(toy, out="first")
    plug("plug_stale", "    gain = 2")
    run(toy, out="second")
    assert made_from("first") == made_from("second")
    assert CHANGED in refused(toy, out="second", resume=True)


READS = """
    def reset(self, context, seed):
        import numpy as np
        from pathlib import Path
        with Path("log.txt").open("a") as log:
            log.write("reset")
        Path("log.txt").read_text()
        self.users = context.users + np.loadtxt("table.txt")
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_a_plug_in_opens_by_itself_counts(toy: Toy, workers: int) -> None:
    table = Path("table.txt")
    table.write_text("1")
    toy["allocators"] = [plug(f"plug_reads_{workers}", READS)]
    run(toy, out="out", workers=workers, drops_per_batch=2)
    assert "table.txt" in made_from("out") and "log.txt" not in made_from("out")
    assert run(toy, out="out", resume=True, workers=workers).complete
    table.write_text("2")
    assert CHANGED in refused(toy, out="out", resume=True, workers=workers)
    table.write_text("1")
    assert run(toy, out="out", resume=True, workers=workers).complete, "by contents, not by date"


def test_a_file_that_a_module_read_in_an_earlier_run_counts(toy: Toy) -> None:
    Path("kept.txt").write_text("1")
    body = "    kept = []\n    def reset(self, context, seed):\n        self.users = context.users\n"
    body += "        self.kept or self.kept.append(open('kept.txt').read())\n"
    toy["allocators"] = [plug("plug_keeps", body)]
    run(toy, out="first")
    run(toy, out="second")
    assert "kept.txt" in made_from("second")
    run({**toy, "allocators": ["toy_family:Even"]}, out="third")
    assert "kept.txt" not in made_from("third"), "another allocator's"


def test_files_that_a_scenario_names_count(toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever opens them, and however: a checkpoint, tracks, anything that a value names."""
    monkeypatch.chdir(tmp_path)
    named = Path("named.bin")
    body = "    def __init__(self, checkpoint: str) -> None:\n        pass"
    toy["allocators"] = [{"name": plug("plug_named", body), "params": {"checkpoint": "named.bin"}}]
    named.write_bytes(b"1")
    run(toy, out="out")
    assert run(toy, out="out", resume=True).complete
    named.write_bytes(b"2")
    assert "other code than this" in refused(toy, out="out", resume=True)
    Path("tracks.csv").write_text("time_s,id,x_m,y_m\n0,a,0,0\n")
    scenario = load("mobility-macro", **{"users.0.mobility": {"model": "replay", "file": "tracks.csv"}})
    before = named_digest(scenario)
    Path("tracks.csv").write_text("time_s,id,x_m,y_m\n0,a,1,0\n")
    assert named_digest(scenario) != before


def test_a_scheduler_below_slices_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    source = "from allocators.scheduling.{} import {} as U\n"
    Path("under_slices.py").write_text(source.format("proportional_fair", "ProportionalFair"))
    short = {"drops": 1, "duration_s": 0.1, "warmup_s": 0.0, "slicing.interval_s": 0.05}
    short |= {"slicing.scheduler": "under_slices:U", "topology.sites": 1}
    resumed = functools.partial(run, "slicing-quickstart", ["equal"], out="out", resume=True, **short)
    assert resumed().complete
    assert made_from("out").keys() == {"under_slices.py"}
    assert resumed().complete
    Path("under_slices.py").write_text(source.format("round_robin", "RoundRobin"))
    assert "under_slices.py has changed" in refused("slicing-quickstart", ["equal"], out="out", resume=True, **short)


class Hidden(toy_family.Even):
    """Its state is no field of a dataclass."""

    def __init__(self, state: Any) -> None:
        self.state = state


def closed_over(gain: float) -> Any:
    class Local(toy_family.Even):
        def decide(self, demand: torch.Tensor) -> torch.Tensor:
            return super().decide(demand) * gain

    return Local()


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Box:
    content: Any


STATES: list[Callable[[int], Any]] = [
    lambda n: n,
    lambda n: {"a": [1, (2, n)]},
    lambda n: {"x", "y", str(n)},
    lambda n: np.arange(3) * n,
    lambda n: torch.tensor([1.0, n]),
    lambda n: torch.tensor([1.0, n]).to_sparse(),
    lambda n: np.random.default_rng(n),
    lambda n: torch.Generator().manual_seed(n),
    lambda n: Colour(n),
    lambda n: Box(Box(n)),
    lambda n: functools.partial(max, n),
    lambda n: Hidden(n).decide if n == 1 else Hidden(n).reset,
    lambda n: lambda x: x + n,
]


@pytest.mark.parametrize("state", STATES)
def test_equal_contents_have_equal_digests_and_others_others(state: Callable[[int], Any]) -> None:
    assert content_digest(Hidden(state(1))) == content_digest(Hidden(state(1)))
    assert content_digest(Hidden(state(1))) != content_digest(Hidden(state(2)))


def test_the_class_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert content_digest(closed_over(1)) == content_digest(closed_over(1)) != content_digest(closed_over(2))
    before = content_digest(Hidden(1))
    assert content_digest(toy_family.Even()) != before
    monkeypatch.setattr(Hidden, "gain", 3, raising=False)
    assert content_digest(Hidden(1)) != before


def test_a_circle_has_a_digest() -> None:
    one, other = Hidden(1), Hidden(2)
    one.own, other.own = one, other
    assert content_digest(one) != content_digest(other)


SCRIPT = """
import sys
from scenarios.results import read_files
from scenarios.results.content_digest import content_digest
GAIN = int(sys.argv[1])
def helper(x):
    return x * GAIN
class Mine:
    names = {"a", "b", "c", ("d", 1)}
    def decide(self, observation):
        return helper(observation)
print(content_digest(Mine()))
"""


IN_TURN = """
import os, sys
import scenarios.results.content_digest  # once for all
for source, gain in zip(sys.argv[1::2], sys.argv[2::2]):
    if not os.fork():
        sys.argv = ["-c", gain]
        exec(source, sys.modules["__main__"].__dict__)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""
"""Runs scripts as they are with ``python -c``, each in a process of its own."""


def test_a_script_counts_by_the_code_that_its_class_needs_in_any_process() -> None:
    def digests(seed: str, *scripts: str) -> list[str]:
        command, environment = [sys.executable, "-c", IN_TURN, *scripts], {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()

    first, gain, code = digests("1", SCRIPT, "1", SCRIPT, "2", SCRIPT.replace("x * GAIN", "x + GAIN"), "1")
    assert digests("2", SCRIPT + "\nprint('', end='')  # a plot, say", "1") == [first]
    assert first not in (gain, code)


def test_an_object_with_another_state_is_run_anew_and_the_same_one_goes_on(toy: Toy) -> None:
    mine = Hidden(1)
    run(toy, {"mine": mine}, out="out")
    assert vars(mine).keys() == {"state", "users"}, "reset has left something in it"
    assert run(toy, {"mine": mine}, out="out", resume=True).complete
    assert run(toy, {"mine": Hidden(1)}, out="out", resume=True).complete
    assert "other code than this" in refused(toy, {"mine": Hidden(100)}, out="out", resume=True)
    mine.state = 100
    assert "other code than this" in refused(toy, {"mine": mine}, out="out", resume=True)
    assert run(toy, {"mine": Hidden(1)}).run_dir != run(toy, {"mine": Hidden(100)}, resume=True).run_dir


def test_an_object_that_cannot_be_compared_is_not_resumed(toy: Toy) -> None:
    with pytest.raises(UnknownContentError, match=r"Hidden\.state is a lock: cannot pickle"):
        content_digest(Hidden(threading.Lock()))
    run(toy, {"mine": Hidden(threading.Lock())}, out="out")
    text = refused(toy, {"mine": Hidden(threading.Lock())}, out="out", resume=True)
    assert text.startswith("out cannot be resumed: the allocator 'mine' is an object that cannot be compared by its")
    assert "Hidden.state is a lock" in text and "start a new folder, or give the allocator by its name" in text
    assert "\n" not in text
    assert "other code than this" in refused(toy, {"mine": Hidden(1)}, out="out", resume=True)
    first = run(toy, {"mine": Hidden(threading.Lock())}).run_dir
    with pytest.warns(UserWarning, match=r"a new folder is begun: the allocator 'mine' .*Hidden\.state is a lock"):
        assert run(toy, {"mine": Hidden(threading.Lock())}, resume=True).run_dir.name == f"{first.name}-2"


@pytest.mark.parametrize("name", ["__main__", "__mp_main__"])
def test_a_script_is_no_file_that_a_run_was_made_from(name: str) -> None:
    script = types.ModuleType(name)
    script.__file__ = __file__
    found = read_files._import_of(script, None)
    assert found is not None and found.digest is None


def test_whose_a_file_is(tmp_path: Path) -> None:
    cached = str(tmp_path / "__pycache__" / "a.pyc")
    utc = "/usr/share/zoneinfo/UTC"
    for theirs in (json.__file__, np.__file__, run.func.__code__.co_filename, "/proc/self/stat", cached, utc):
        assert not is_user_file(theirs)
    for mine in (__file__, toy_family.__file__, str(tmp_path / "data.csv")):
        assert is_user_file(mine)
