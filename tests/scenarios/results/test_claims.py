"""Several coordinators on one folder or store: nothing is computed twice, nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import fsspec
import pytest
import toy_family
from fsspec.implementations.local import LocalFileOpener
from run_helpers import Toy, files, refused, run

from scenarios import Result, load_sweep, sweep
from scenarios.errors import ScenarioError
from scenarios.results import claims as module
from scenarios.results.claims import Claims
from scenarios.results.store import url_of
from scenarios.running import prepared_run


def of_another_machine(files: Any, claims: Claims) -> None:
    """Makes a coordinator one that died on another machine."""
    claims._stop.set()
    assert claims._thread is not None
    claims._thread.join()
    path = f"{claims.root}/owners/{claims.owner}"
    files.pipe_file(path, json.dumps({**json.loads(files.cat_file(path)), "machine": "far"}).encode())


def test_a_full_disk_leaves_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = Claims(*fsspec.url_to_fs(str(tmp_path)))
    assert claims.take("a")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(ScenarioError, match=r"b\.0: No space left on device"):
        patch.setattr(LocalFileOpener, "write", full)
        claims.take("b")
    claims.release()
    assert files(tmp_path) == set()


@pytest.mark.parametrize("place", ["memory://claims", "file://{}"])
def test_a_unit_has_one_owner_until_it_gives_no_sign_of_life(place: str, tmp_path: Path) -> None:
    files, root = fsspec.url_to_fs(place.format(tmp_path))
    one, other, third = (Claims(files, root, lease_s=0.05) for _ in range(3))
    assert one.take("a") and one.take("a") and other.take("b")
    assert not other.take("a") and not one.take("b")
    other.release()
    assert one.take("b"), "given up"
    of_another_machine(files, one)
    assert not third.take("a"), "its first look: it may be alive"
    threading.Event().wait(0.1)
    assert third.take("a") and not other.take("a"), "its lease is over, by the clock of the one that looks"
    third.clear()
    third.release()
    other.release()
    assert files.find(root) == []


def test_of_many_at_once_one_succeeds(tmp_path: Path) -> None:
    files, root = fsspec.url_to_fs(str(tmp_path))
    many, taken = [Claims(files, root) for _ in range(8)], Counter[str]()

    def take(claims: Claims) -> None:
        taken.update(str(unit) for unit in range(20) if claims.take(str(unit)))

    threads = [threading.Thread(target=take, args=(claims,)) for claims in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == {str(unit): 1 for unit in range(20)}
    for claims in many:
        claims.release()


_CLAIMS = """
import os, signal, sys
sys.path[:0] = {path!r}
from scenarios.results.claims import local_claims
from pathlib import Path
claims = local_claims(Path("out"))
assert all(claims.take(f"_-0000{{drop}}") for drop in range(4))
print("ready", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_goes_around_what_another_computes_and_takes_over_what_it_left(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one holds four of six drops, and is killed once this run has computed the other two."""
    command = [sys.executable, "-c", _CLAIMS.format(path=sys.path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdin is not None and other.stdout.readline() == "ready\n"
    written: list[list[int]] = []
    write = prepared_run.write_shard

    def noted(folder: Path, run_key: Any, windows: Any) -> Path:
        written.append(windows["drop"].to_numpy().tolist())
        if len(written) == 2:  # both allocators on the two drops
            other.stdin.close()  # type: ignore[union-attr]
            other.wait()
        return write(folder, run_key, windows)

    monkeypatch.setattr(prepared_run, "write_shard", noted)
    found = run(toy, out="out", drops_per_batch=3)
    assert written == [[4, 5], [4, 5], [0, 1, 2], [0, 1, 2], [3], [3]]
    monkeypatch.undo()
    assert not Path("out", module.FOLDER).exists()
    assert found.complete


def test_a_run_in_a_store_is_that_in_a_folder(toy: Toy, tmp_path: Path) -> None:
    there = run(toy, out="memory://runs/one", drops_per_batch=3)
    here = run(toy, out="here", drops_per_batch=3)
    again = Result("memory://runs/one")
    assert again.place == there.place == "memory://runs/one" and again.complete
    assert again.per_drop.equals(here.per_drop)
    memory = fsspec.filesystem("memory")
    assert files(tmp_path / "here") == {path.removeprefix("/runs/one/") for path in memory.find("/runs/one")}
    said = refused(toy, out="memory://runs/one")
    assert said.startswith("memory://runs/one is not empty; name another folder, or give --resume")
    lost = memory.find("/runs/one/shards")[0]
    memory.rm(lost)
    assert run(toy, out="memory://runs/one", resume=True).per_drop.equals(here.per_drop)
    assert memory.exists(lost)


def test_a_sweep_in_a_store(toy: Toy) -> None:
    allocators = [toy_family.Even(), toy_family.Greedy(3.0)]
    sweep(toy, {"users": [2, 4]}, out="memory://sweeps/one", allocators=allocators)
    more = sweep(toy, {"users": [2, 4, 8]}, out="memory://sweeps/one", allocators=allocators, resume=True)
    assert more.complete and more.place == "memory://sweeps/one"
    again = load_sweep("memory://sweeps/one")
    assert again.per_drop.equals(more.per_drop) and again.result(users=8).complete
    assert not [path for path in fsspec.filesystem("memory").find("/sweeps/one") if "claims" in path]


def test_a_store_that_cannot_be_used_is_one_sentence(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(toy, out="nosuch://x/y") == "--out nosuch://x/y: Protocol not known: nosuch"
    with pytest.raises(ScenarioError, match="there is nothing at memory://runs/none; give the URL"):
        Result("memory://runs/none")
    memory = type(fsspec.filesystem("memory"))

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    with monkeypatch.context() as patch:
        patch.setattr(memory, "pipe_file", forbidden)
        assert refused(toy, out="memory://runs/no").startswith("cannot write memory://runs/no: Access Denied; give a")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(memory, "put_file", full)
        assert "No space left on device" in refused(toy, out="memory://runs/full")
    assert fsspec.filesystem("memory").find("/runs/full") == []


def test_urls_survive_a_path() -> None:
    assert url_of(Path("s3://bucket/run")) == url_of("s3://bucket/run") == "s3://bucket/run"
    assert url_of(Path("file:///tmp/x")) == "file:///tmp/x" and url_of("runs/one") is None
