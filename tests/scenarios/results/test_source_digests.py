"""What made a shard: results of other code, another device or other traces are never taken for one's own."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from backend_cases import torch_alone

import scenarios
from scenarios import load
from scenarios.errors import ScenarioError
from scenarios.results import provenance
from scenarios.results.shards import RunKey, read_shard, write_shard

Toy = dict[str, Any]

run = functools.partial(scenarios.run, plots=False)


def refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        run(*args, **kwargs)
    return str(caught.value)


def stale(folder: Path, **attributes: str) -> None:
    """As if other code or another device had written the shards of a run."""
    for path in folder.rglob("*.nc"):
        windows = read_shard(path).assign_attrs(attributes)
        write_shard(folder, RunKey(None, path.parent.name), windows)


@pytest.mark.parametrize(("attribute", "says"), [("code", "other code than this"), ("device", "another device, tpu,")])
def test_shards_of_other_code_or_another_device_are_not_resumed(toy: Toy, attribute: str, says: str) -> None:
    run(toy, out="out")
    attributes = read_shard(next(Path("out").rglob("*.nc"))).attrs
    assert attributes["code"] and attributes["device"].startswith(("cpu (", "cuda ("))
    stale(Path("out"), **{attribute: "tpu"})
    text = refused(toy, out="out", resume=True)
    assert says in text and "start a new folder" in text and "\n" not in text
    first = run(toy).run_dir
    stale(first, **{attribute: "tpu"})
    second = run(toy, resume=True).run_dir
    assert second.name == f"{first.name}-2", "computed anew"
    written = {path: path.stat().st_mtime_ns for path in second.rglob("*.nc")}
    assert run(toy, resume=True).run_dir == second
    assert written == {path: path.stat().st_mtime_ns for path in second.rglob("*.nc")}, "and only once"


def test_shards_of_another_backend_are_not_resumed(toy: Toy) -> None:
    run(toy, out="out")
    assert json.loads(Path("out/meta.json").read_text("utf-8"))["backend"] == "numba"
    with torch_alone():
        text = refused(toy, out="out", resume=True)
        assert "shards that numba computed" in text and "unset FAIRWAVE_COMPILE, or start a new folder" in text
        assert run(toy, out="torch").complete
    assert json.loads(Path("torch/meta.json").read_text("utf-8"))["backend"] == "torch"
    assert "set FAIRWAVE_COMPILE=0, or start a new folder" in refused(toy, out="torch", resume=True)


def test_an_allocator_that_was_edited_is_run_anew(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    source = "import toy_family\nclass Edited(toy_family.Even):\n    share = 1\n"
    Path("plug_edited.py").write_text(source, "utf-8")
    toy["allocators"] = ["plug_edited:Edited", "toy_family:Even"]
    run(toy, out="out")
    assert run(toy, out="out", resume=True).complete
    Path("plug_edited.py").write_text(source.replace("1", "2"), "utf-8")
    assert "other code" in refused(toy, out="out", resume=True)


def test_the_digest_of_the_code_is_that_of_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is installed: four folders of the same contents have the same digest, another table another one."""

    class Spec:
        def __init__(self, room: str) -> None:
            self.submodule_search_locations = [str(tmp_path / place[0] / room)]

    place = ["one"]
    for folder in ("one", "two"):
        for room in ("phy", "mac", "allocators", "scenarios"):
            (tmp_path / folder / room).mkdir(parents=True)
            (tmp_path / folder / room / "a.py").write_text(room)
            (tmp_path / folder / room / "table.npz").write_bytes(b"1")
    monkeypatch.setattr(provenance.importlib.util, "find_spec", Spec)
    plain = provenance.code_digest.__wrapped__
    first = plain()
    place[0] = "two"
    assert plain() == first
    for name in ("mac/a.py", "phy/table.npz"):
        (tmp_path / "two" / name).write_text("changed")
        assert plain() != first
        first = plain()
    monkeypatch.setattr(provenance, "versions", lambda: {"torch": "0"})
    assert plain() != first


def test_the_contents_of_traces_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("1")
    traffic = {"model": "trace_replay", "files": ["a.csv"]}
    scenario = load("slicing-quickstart", **{"users.embb.traffic": traffic})
    before = provenance.trace_digest(scenario)
    Path("a.csv").write_text("2")
    assert provenance.trace_digest(scenario) != before
