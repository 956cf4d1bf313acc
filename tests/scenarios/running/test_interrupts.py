"""Ctrl-C is never lost, and waits for a file to be whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scenarios.running.interrupts import Interrupts, interrupts


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):  # the handler runs between two bytecodes
        pass


@pytest.fixture(autouse=True)
def _as_usual() -> object:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Swallows:
    """Python only prints what a finaliser raises."""

    def __del__(self) -> None:
        press()


def test_one_that_a_finaliser_swallowed_comes_out_at_the_next_check() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupts() as ctrl_c:
        thing = Swallows()
        del thing
        reached.append("on it goes")
        ctrl_c.check()
        reached.append("too far")
    assert reached == ["on it goes"]


def test_one_that_was_swallowed_comes_out_at_the_end_at_the_latest() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts():
        thing = Swallows()
        del thing


def test_one_that_a_library_took_for_an_error_is_still_one() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts():
        try:
            press()
        except KeyboardInterrupt:
            raise OSError("write failed") from None
    with pytest.raises(OSError, match="real"), interrupts():
        raise OSError("real")


def test_a_shield_lets_the_block_end_first() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts() as ctrl_c:
        with ctrl_c.shield():
            press()
            done.append("whole")
        done.append("too far")
    assert done == ["whole"]


def test_the_second_one_does_not_wait() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts() as ctrl_c, ctrl_c.shield():
        press()
        done.append("once")
        press()
        done.append("twice")
    assert done == ["once"]


def test_other_failures_of_finalisers_are_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails:
        def __del__(self) -> None:
            raise ZeroDivisionError

    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: told.append(lost.exc_type))
    with interrupts():
        thing = Fails()
        del thing
    assert told == [ZeroDivisionError]


def test_what_was_there_comes_back_and_what_others_set_stays() -> None:
    with interrupts():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def theirs(*_: object) -> None:
        return None

    signal.signal(signal.SIGINT, theirs)
    with interrupts():
        assert signal.getsignal(signal.SIGINT) is theirs
    assert signal.getsignal(signal.SIGINT) is theirs


def test_elsewhere_than_in_the_main_thread_nothing_changes() -> None:
    found: list[object] = []

    def work() -> None:
        with interrupts() as ctrl_c:
            ctrl_c.check()
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
    assert not Interrupts().asked


_CHILD = """
import json, os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from scenarios import families
families.FAMILIES["toy"] = "toy_family:FAMILY"
import toy_family

class Bomb:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

class Swallows(toy_family.Even):
    def decide(self, demand):
        bomb = Bomb()
        del bomb
        return super().decide(demand)

toy_family.Swallows = Swallows
Path("toy.yaml").write_text(json.dumps({{"family": "toy", "drops": 6, "drops_per_batch": 1, "duration_s": 5.0,
                                        "allocators": ["toy_family:Even", "toy_family:Swallows"]}}))
from scenarios.cli.main import main
sys.argv = ["fairwave", "run", "toy.yaml", "--out", "out", "--json"]
main()
"""


def test_a_run_stops_even_if_the_interrupt_itself_is_swallowed(tmp_path: Path) -> None:
    code = _CHILD.format(tests=str(Path(__file__).parents[2] / "support"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 130, done.stderr
    assert "error: interrupted" in done.stderr
    assert "ignored" not in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(list(tmp_path.rglob("*.nc"))) == 1, "the shard that was there before"


_EARLY = """
import os, signal, sys, types
module = types.ModuleType("scenarios.cli.commands")
import scenarios

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "scenarios.cli.commands":
            {what}
sys.meta_path.insert(0, Finder())
import atexit
atexit.register(os.kill, os.getpid(), signal.SIGINT)
from scenarios.cli.main import main
sys.argv = ["fairwave", "list", "traffic"]
main()
"""


@pytest.mark.parametrize("what", ["os.kill(os.getpid(), signal.SIGINT)", "pass"])
def test_an_interrupt_while_modules_are_imported_or_after_the_end_shows_no_traceback(what: str) -> None:
    code = _EARLY.format(what=what)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == (0 if what == "pass" else 130), done.stderr
    assert done.stderr == ("" if what == "pass" else "error: interrupted\n")


def test_one_before_the_run_that_an_import_swallowed_stops_it() -> None:
    watch = Interrupts()
    signal.signal(signal.SIGINT, watch.handle)
    with pytest.raises(KeyboardInterrupt):
        press()
    with pytest.raises(KeyboardInterrupt), interrupts() as ctrl_c:
        ctrl_c.check()
    assert signal.getsignal(signal.SIGINT) == watch.handle
