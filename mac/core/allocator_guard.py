"""Copies what an allocator observes and decides, restores settings that it changes, and names it in errors.

An observation holds the engine's own tensors, shared by all allocators of a run. A plug-in gets a copy of them, so that
no way of writing (``.numpy()``, ``.data``, ``as_strided``, an old observation that it kept) changes the state of the
run; a decision is copied as soon as it is returned. Allocators of fairwave's own are trusted and get the tensors
themselves, which costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .contracts import InfeasibleDecision, Outcome, RunsIntervals
from .plugin_traceback import is_own, note_allocator, note_hint

_LEAST = sys.float_info.min
_SMALL = 2000  # numbers, up to which torch.equal is faster than NumPy; of large tensors it takes ten times as long
_NO_BITS = (torch.bfloat16, torch.complex128)  # which NumPy cannot show as integers


class AllocatorGuard:
    """Passes calls on to an allocator, with copies of their arguments.

    Args:
        allocator: with ``reset`` and ``decide``.
        name: noted in the errors that it raises, for :func:`mac.core.plugin_traceback.allocator_of`; None to leave that
        to the caller.
    """

    def __init__(self, allocator: Any, name: str | None = None) -> None:
        self.allocator, self.name = allocator, name
        self._trusted = is_own(allocator)
        self.runs_intervals = self._trusted and isinstance(allocator, RunsIntervals)
        """Whether it may run several intervals at once, which no plug-in may."""
        self._given: Any = None  # the context of the run
        self._shown: Any = None  # its copy

    def reset(self, context: Any, seed: int, /) -> None:
        """Resets the allocator with a copy of the context.

        Raises:
            InfeasibleDecision: a tensor of the context was written to, or a setting cannot be put back.
        """
        if self._trusted:
            self._call(lambda: self.allocator.reset(context, seed))
            return
        self._given, self._shown = context, copy_of(context)
        self._call(partial(self._reset, seed))

    def decide(self, observation: Any, /) -> Any:
        """Returns a copy of the allocator's decision on a copy of the observation.

        Raises:
            InfeasibleDecision: a tensor of the observation or of the context was written to, or a setting cannot be put
                back.
        """
        if self._trusted:
            return self._call(lambda: self.allocator.decide(observation))
        return self._call(partial(self._decide, observation))

    def run_intervals(self, problem: Any, state: Any, most: int, /) -> tuple[Any, Outcome, float] | None:
        """Runs intervals at once, where :attr:`runs_intervals`; see :class:`mac.core.contracts.RunsIntervals`."""
        found: tuple[Any, Outcome, float] | None = self._call(
            lambda: self.allocator.run_intervals(problem, state, most)
        )
        return found

    def decision_counts(self) -> Any:
        """Returns what the allocator counts of its decisions; nothing where it does not count."""
        counting = getattr(self.allocator, "decision_counts", None)
        return self._call(counting) if callable(counting) else {}

    def _reset(self, seed: int) -> None:
        with SettingsGuard("reset()"), AttributeHints({"context": self._shown}):
            self.allocator.reset(self._shown, seed)
        _require_untouched("reset()", "context", self._given, self._shown)

    def _decide(self, observation: Any) -> Any:
        shown = copy_of(observation)
        with SettingsGuard("decide()"), AttributeHints({"observation": shown, "context": self._shown}):
            decision = copy_of(self.allocator.decide(shown))
        _require_untouched("decide()", "observation", observation, shown)
        _require_untouched("decide()", "context", self._given, self._shown)
        return decision

    def _call(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except BaseException as error:  # sys.exit() too must not end a run without a word
            if self.name is not None:
                note_allocator(error, self.name)
            raise


@dataclass(frozen=True)
class AttributeHints:
    """Adds to an error a hint at similar attributes; see :func:`mac.core.plugin_traceback.note_hint`."""

    seen: Mapping[str, object]

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            note_hint(error, self.seen)


def copy_of(value: Any) -> Any:
    """Copies a value and its tensors, in dataclasses and plain containers too.

    Functions of a dataclass that compute a tensor on demand are wrapped, and their results copied when they are called.
    """
    if isinstance(value, Tensor):
        return value.detach().clone()
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _copy_field(getattr(value, one.name)) for one in fields(value) if one.init})
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple, set):
        return type(value)(copy_of(one) for one in value)
    if isinstance(value, Mapping):
        return {key: copy_of(one) for key, one in value.items()}
    return value


def _copy_field(value: Any) -> Any:
    return partial(_copy_of_result, value) if callable(value) else copy_of(value)


def _copy_of_result(function: Callable[[], Any]) -> Any:
    return copy_of(function())


def _require_untouched(call: str, whole: str, given: Any, shown: Any) -> None:
    if (name := _changed(given, shown)) is not None:
        what = f"{whole}.{name}" if name else f"the {whole}"
        raise InfeasibleDecision(f"{call} wrote into {what}, which is not its own: work on a copy, .clone()")


def _changed(given: Any, shown: Any) -> str | None:
    """Names the first tensor of an observation or a context that differs from its copy; empty for a tensor itself."""
    if isinstance(given, Tensor):
        return None if _same(given, shown) else ""
    if not is_dataclass(given):
        return None
    for one in fields(given):
        below = _changed(getattr(given, one.name), getattr(shown, one.name, None))
        if below is not None:
            return f"{one.name}.{below}".rstrip(".")
    return None


def _same(given: Tensor, shown: Any) -> bool:
    """Compares bit by bit; on a GPU, which reading back would stop, by the writes that torch counts."""
    if not isinstance(shown, Tensor) or (shown.shape, shown.dtype) != (given.shape, given.dtype):
        return False
    if given.device.type != "cpu":
        return shown._version == 0
    if (given.numel() < _SMALL or given.dtype in _NO_BITS) and torch.equal(given, shown):
        return True
    return given.dtype not in _NO_BITS and np.array_equal(_bits(given), _bits(shown))


def _bits(value: Tensor) -> np.ndarray:
    array = value.detach().numpy()
    return array.view(f"i{array.itemsize}")


class _Setting(NamedTuple):
    """Reads and writes a setting of the whole process on which results, or the time they take, depend."""

    name: str
    get: Callable[[], Any]
    put: Callable[[Any], object]


def _put_inference(_: bool) -> None:
    """Leaves inference mode as it is: it cannot be put back from outside of its own ``with``."""


def _put_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _put_autocast(kind: str, on: bool) -> None:
    torch.set_autocast_enabled(kind, on)


_SETTINGS = (
    _Setting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    _Setting("torch's default device", lambda: torch.empty(0).device, _put_device),
    _Setting("torch's inference mode", torch.is_inference_mode_enabled, _put_inference),
    _Setting("torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    _Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    _Setting("torch's matmul precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    _Setting(
        "torch's deterministic algorithms",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    *(
        _Setting(f"torch's autocast on {kind}", partial(torch.is_autocast_enabled, kind), partial(_put_autocast, kind))
        for kind in ("cpu", "cuda")
    ),
    _Setting("torch's flushing of denormal numbers", lambda: _LEAST * 0.5 == 0.0, torch.set_flush_denormal),
    _Setting("NumPy's handling of errors", np.geterr, lambda kept: np.seterr(**kept)),
)


class SettingsGuard:
    """Restores the settings of torch and NumPy at the end of a block in which a plug-in may change them.

    Args:
        what: name of the block, the subject of an error's sentence.

    Raises:
        InfeasibleDecision: one cannot be put back.
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self._before = [setting.get() for setting in _SETTINGS]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for setting, before in zip(_SETTINGS, self._before, strict=True):
            if setting.get() != before:
                setting.put(before)
                if setting.get() != before:
                    raise InfeasibleDecision(
                        f"{self.what} left {setting.name} at {setting.get()}, which cannot be put back to {before}: "
                        "leave it alone, or change it within a 'with' block"
                    )


@contextmanager
def default_settings() -> Iterator[None]:
    """Sets the settings on which results depend to torch's own defaults within a block, whatever the caller has set."""
    with SettingsGuard("the run"):
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_float32_matmul_precision("highest")
        torch.set_flush_denormal(False)
        for kind in ("cpu", "cuda"):
            _put_autocast(kind, False)
        yield
