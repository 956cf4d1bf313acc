"""Loops are compiled, kept on disk and made anew where they must be; a compiler that fails is one sentence."""

from __future__ import annotations

import builtins
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backend_cases import arrays, city, torch_alone

from allocators.contract.check import check_allocator
from allocators.scheduling import assign_numba
from mac.engine.backends import numba_kernels
from mac.scheduling import feasible_numba
from phy.link import sinr_numba
from phy.numerics import jit
from phy.numerics.jit import CompilerError
from scenarios import load, run
from scenarios.errors import ScenarioError

ROOT = Path(__file__).resolve().parents[3]
SMALL = city(duration_s=0.02, carrier={"prbs": 5})


def refusing(error: Exception) -> Callable[..., Any]:
    """An import that knows no numba."""
    found = builtins.__import__

    def refuse(name: str, *more: Any, **others: Any) -> Any:
        if name.split(".")[0] == "numba":
            raise error
        return found(name, *more, **others)

    return refuse


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'numba'"), "ModuleNotFoundError: No module named 'numba'"),
        (ImportError("Numba needs NumPy 2.3 or less. Got NumPy 9.0."), "ImportError: Numba needs NumPy 2.3 or less"),
        (
            SystemError("initialization\nfailed\n\nwithout an exception set"),
            "SystemError: initialization failed); set",
        ),
        (AttributeError("module 'numpy' has no attribute 'long'"), "AttributeError: module 'numpy' has no attribute"),
    ],
)
def test_a_numba_that_cannot_be_imported_is_one_sentence_with_the_way_out(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtins, "__import__", refusing(error))
    monkeypatch.delitem(sys.modules, "numba")
    with pytest.raises(CompilerError) as told:
        jit.compiled(refusing)
    assert reason in str(told.value) and "\n" not in str(told.value)
    assert "set FAIRWAVE_COMPILE=0 to compute the same without it" in str(told.value)


def test_a_switch_that_is_off_asks_for_no_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "__import__", refusing(ImportError("numba was asked for")))
    with torch_alone():
        assert arrays(SMALL, compiled=False)["served_bits"].sum() > 0


@pytest.mark.parametrize(
    ("switch", "device", "name"),
    [(None, "cpu", "numba"), (None, "cuda", "torch.compile"), ("0", "cpu", "torch"), ("0", "cuda", "torch")],
)
def test_the_form_follows_from_the_switch_and_the_device(switch: str | None, device: str, name: str) -> None:
    with torch_alone() if switch == "0" else nullcontext():
        assert jit.backend_name(device) == name


@pytest.mark.parametrize(
    ("given", "says"),
    [("", True), ("1", True), ("on", True), ("True", True), ("0", False), ("off", False), (" FALSE ", False)],
)
def test_the_switch_is_read(given: str, says: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(jit.SWITCH, given)
    assert jit.wanted() == says


@pytest.mark.parametrize("given", ["no", "2", "-", "torch"])
def test_a_switch_that_says_neither_is_refused(given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(jit.SWITCH, given)
    sentence = (
        f"the environment variable FAIRWAVE_COMPILE is '{given}'; set it to 0 (or off, false) to compile nothing, to 1 "
        "(or on, true) to compile, or unset it"
    )
    jit.uses_numba.cache_clear()
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        jit.backend_name("cpu")
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        check_allocator("round_robin", "scheduling")
    with pytest.raises(ScenarioError, match=f"^{re.escape(sentence)}$"):
        run(load(SMALL), out=tmp_path / "out", progress=False, plots=False)
    assert not (tmp_path / "out").exists()


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def typing_error() -> Exception:
    from numba.core.errors import TypingError

    return TypingError("Failed in nopython mode pipeline\n\nand much more")


KERNELS = ("need", "send", "decode", "sinr_and_reports", "assign_prbs", "breached")


def break_one(kernel: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every call of a loop fail as its first one does where it cannot be compiled."""
    rooms = (numba_kernels, numba_kernels, numba_kernels, sinr_numba, assign_numba, feasible_numba)
    loop = getattr(dict(zip(KERNELS, rooms, strict=True))[kernel], kernel)
    monkeypatch.setattr(loop, "machine_code", failing(error))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_compiler_that_fails_ends_the_run_with_one_sentence(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_one(kernel, typing_error(), monkeypatch)
    with pytest.raises(CompilerError) as told:
        arrays(SMALL)
    assert str(told.value) == (
        f"numba, which compiles {kernel}(), failed (TypingError: Failed in nopython mode pipeline); set "
        "FAIRWAVE_COMPILE=0 to compute the same without it, which takes longer"
    )


def test_a_command_says_so_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    break_one("send", typing_error(), monkeypatch)
    with pytest.raises(ScenarioError, match=r"numba.*failed.*set FAIRWAVE_COMPILE=0"):
        run(load(SMALL), out=tmp_path / "out", progress=False, plots=False)


def test_compiling_that_numba_is_told_to_leave_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    jit.uses_numba.cache_clear()
    try:
        assert not jit.uses_numba()
    finally:
        monkeypatch.delenv("NUMBA_DISABLE_JIT")
        jit.uses_numba.cache_clear()


SCRIPT = """
import warnings
warnings.simplefilter("error", UserWarning)
import numpy as np, torch
from allocators.scheduling.assign_numba import assign_prbs
need, none = np.array([[2.0, 9.0]]), np.empty((0, 0, 0), np.bool_)
user = np.empty((1, 1, 4), np.int64)
bids, equal = np.array([[[3.0], [1.0]]], np.float32), np.ones((1, 2), np.float32)
no_limit = np.zeros((1, 2), np.int64), np.empty((0, 0, 0), np.int64)
assign_prbs(bids, equal, np.array([[[0, 1]]]), need, none, none, *no_limit, 3, False, user)
print(user.tolist(), type(getattr(assign_prbs, "machine_code", assign_prbs)._cache).__name__)
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
        anew = "sys.dont_write_bytecode = True"  # which Python would believe, as sizes and seconds are the same
        printed.append(
            run_apart(f"import sys; {anew}; sys.path.insert(0, {str(tmp_path)!r}); import whole").stdout.split()
        )
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
