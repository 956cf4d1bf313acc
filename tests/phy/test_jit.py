"""Where nothing can be compiled, torch does the same, and that is said once."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from backend_cases import Arrays, arrays, city, problem, same
from oracles_scheduling import Shape, assign_loops, slot

from allocators.scheduling import assign_numba
from allocators.scheduling.assign import assign
from mac.engine.backends import numba_kernels
from mac.scheduling import feasible_numba
from mac.scheduling.feasible import _breached
from phy.link import sinr_numba
from phy.numerics import jit

ROOT = Path(__file__).resolve().parents[2]
SMALL = city(duration_s=0.02, carrier={"prbs": 5})


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """What can be compiled is found out again in every test."""
    jit.available.cache_clear()
    yield
    jit.available.cache_clear()
    jit._given_up.clear()


@pytest.fixture(scope="module")
def expected() -> Arrays:
    return arrays(SMALL)


def refusing(error: Exception) -> Callable[..., Any]:
    """An import that knows no numba."""
    found = builtins.__import__

    def refuse(name: str, *more: Any, **others: Any) -> Any:
        if name.split(".")[0] == "numba":
            raise error
        return found(name, *more, **others)

    return refuse


def said(caught: list[warnings.WarningMessage]) -> list[str]:
    return [str(one.message) for one in caught if "compiled" in str(one.message)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'numba'"), "ModuleNotFoundError: No module named 'numba'"),
        (ImportError("Numba needs NumPy 2.3 or less. Got NumPy 9.0."), "ImportError: Numba needs NumPy 2.3 or less"),
        (
            SystemError("initialization\nfailed\n\nwithout an exception set"),
            "SystemError: initialization failed); torch",
        ),
        (AttributeError("module 'numpy' has no attribute 'long'"), "AttributeError: module 'numpy' has no attribute"),
    ],
)
def test_without_numba_torch_does_the_same_and_says_so_once(
    error: Exception, reason: str, expected: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtins, "__import__", refusing(error))
    monkeypatch.delitem(sys.modules, "numba")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = [arrays(SMALL, compiled=False) for _ in range(2)]
        slot_of_its_own = slot(Shape(1, 4, 2, 3))
        assign(slot_of_its_own.rate_bits, slot_of_its_own)
    for found in runs:
        same(found, expected)
    assert len(said(caught)) == 1
    assert reason in said(caught)[0] and "\n" not in said(caught)[0]
    assert "torch does the same more slowly" in said(caught)[0] and "FAIRWAVE_COMPILE=0" in said(caught)[0]


def test_a_switch_that_is_off_is_silent(expected: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(jit.SWITCH, "0")
    monkeypatch.setattr(builtins, "__import__", refusing(ImportError("numba was asked for")))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        same(arrays(SMALL, compiled=False), expected)
    assert not said(caught)


def failing(error: Exception, calls: list[str]) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        calls.append("")
        raise error

    return fail


def typing_error() -> Exception:
    from numba.core.errors import TypingError

    return TypingError("Failed in nopython mode pipeline\n\nand much more")


KERNELS = ("need", "send", "decode", "hear", "deal", "breached")


def break_one(kernel: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call of a loop fails; the calls."""
    calls: list[str] = []
    rooms = (numba_kernels, numba_kernels, numba_kernels, sinr_numba, assign_numba, feasible_numba)
    monkeypatch.setattr(dict(zip(KERNELS, rooms, strict=True))[kernel], kernel, failing(error, calls))
    return calls


@pytest.mark.parametrize("kernel", KERNELS)
def test_torch_takes_over_where_the_compiler_fails(
    kernel: str, expected: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = break_one(kernel, typing_error(), monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        same(arrays(SMALL), expected)
        same(arrays(SMALL, compiled=False), expected)
    assert len(calls) == 1
    assert len(said(caught)) == 1
    assert "(TypingError: Failed in nopython mode pipeline); torch does the same" in said(caught)[0]


def test_engines_of_before_the_failure_take_over_too_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (problem(SMALL)[0].engine for _ in range(2))
    calls = break_one("decode", typing_error(), monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for tested in (first, second):
            state = tested.start()
            seen = tested.observe(state)
            for _ in range(2):
                state, _ = tested.step(state, assign(seen.rate_bits, seen), seen.need_prbs)
            assert tested.machine_code is None and state.slot == 2
    assert len(calls) == 2 and len(said(caught)) == 1


def test_a_disk_that_is_full_stops_nothing(expected: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    break_one("send", OSError(28, "No space left on device"), monkeypatch)
    with pytest.warns(UserWarning, match="No space left on device"):
        same(arrays(SMALL), expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_other_errors_are_not_the_compilers(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_one(kernel, ZeroDivisionError("a fault of the loops"), monkeypatch)
    with pytest.raises(Exception, match="a fault of the loops"):
        arrays(SMALL)
    assert jit.available()


def test_a_damaged_file_in_the_folder_of_machine_code_is_the_compilers_fault(tmp_path: Path) -> None:
    from numba.core.caching import IndexDataCacheFile

    (tmp_path / "loop.nbi").write_text("12: not what numba wrote\n")
    with pytest.raises(Exception) as damaged:  # whatever numba comes to
        IndexDataCacheFile(str(tmp_path), "loop", "stamp")._load_index()
    assert jit._is_the_compilers(damaged.value)


def test_compiling_that_numba_is_told_to_leave_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    jit.available.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not jit.available()


def test_assigning_and_checking_go_on_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    break_one("deal", typing_error(), monkeypatch)
    seen = slot(Shape(2, 6, 2, 5, 2, True), 3)
    with pytest.warns(UserWarning, match="cannot be compiled"):
        user = assign(seen.rate_bits, seen).user
    assert torch.equal(user, assign_loops(seen.rate_bits, seen, 3, False))
    assert not _breached(user, seen)
    user[0, 0, 0] = 99
    assert _breached(user, seen)


SCRIPT = """
import warnings
warnings.simplefilter("error", UserWarning)
import numpy as np, torch
from allocators.scheduling.assign_numba import deal
need, none = np.array([[2.0, 9.0]]), np.empty((0, 0, 0), np.bool_)
user = np.empty((1, 1, 4), np.int64)
bids, equal = np.array([[[3.0], [1.0]]], np.float32), np.ones((1, 2), np.float32)
deal(bids, equal, np.array([[[0, 1]]]), need, none, none, 3, False, user)
print(user.tolist(), type(getattr(deal, "machine_code", deal)._cache).__name__)
"""


def run_apart(script: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A process that finds fairwave in a folder."""
    variables = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", script], cwd=folder, env=variables, capture_output=True, text=True)


def test_where_nothing_can_be_kept_loops_are_compiled_all_the_same() -> None:
    """No folder beside the modules, none in the user's own: numba then refuses to keep what it compiles."""
    nowhere = "from numba.core.caching import CacheImpl\nCacheImpl._locator_classes = []\n"
    found = run_apart(nowhere + SCRIPT)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split("\n")[0] == "[[[0, 0, 1, 1]]] NullCache"


PARTS = """
from phy.numerics.jit import inlined
SHIFT = 1.0
@inlined
def shifted(x):
    return x + SHIFT
"""
WHOLE = """
from parts import shifted
from phy.numerics.jit import compiled
@compiled
def twice(x):
    return inner(x)
@compiled
def inner(x):
    return 2 * shifted(x)
print(twice(1.0), sum(twice.stats.cache_hits.values()))
"""


def test_what_is_kept_is_made_anew_where_its_parts_in_other_files_change(tmp_path: Path) -> None:
    (tmp_path / "whole.py").write_text(WHOLE)
    printed = []
    for parts in (PARTS, PARTS, PARTS.replace("1.0", "5.0"), PARTS.replace("x + SHIFT", "x - SHIFT")):
        (tmp_path / "parts.py").write_text(parts)
        printed.append(run_apart(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import whole").stdout.split())
    assert printed == [["4.0", "0"], ["4.0", "1"], ["12.0", "0"], ["0.0", "0"]]


@pytest.mark.parametrize("room", [numba_kernels, sinr_numba])
def test_loops_are_kept_with_a_digest_of_the_grid_and_of_other_numbers(
    room: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phy.numerics import log_grid_numba

    digests = {jit.borrowed(vars(room))}
    monkeypatch.setattr(log_grid_numba, "_SHIFT", 16)
    digests.add(jit.borrowed(vars(room)))
    monkeypatch.setitem(vars(room), "READY", 4.0)
    digests.add(jit.borrowed(vars(room)))
    assert len(digests) == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_function_of_ones_own_is_compiled_and_has_the_same_numbers(dtype: type[np.floating[Any]]) -> None:
    def mean(values: np.ndarray) -> Any:
        total = values.dtype.type(0)
        for value in values:
            total += value * value / values.dtype.type(3)
        return total

    fast = jit.compiled(mean)
    values = np.random.default_rng(1).normal(size=1000).astype(dtype)
    assert getattr(fast, "py_func") is mean  # noqa: B009
    assert fast(values) == mean(values)


def test_a_division_by_zero_raises_nothing() -> None:
    def over(a: float, b: float) -> float:
        return a / b

    assert jit.compiled(over)(1.0, 0.0) == np.inf
