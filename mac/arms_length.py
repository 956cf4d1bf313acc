"""An allocator held at arm's length: it is named in whatever it raises, and may not write into what it is shown.

What an allocator is shown are the engine's own tensors, shared by all allocators of a run. One that writes into them
would change the truth, its own and that of those that come after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from .contracts import InfeasibleDecision

_Watched = tuple[str, Tensor, int]  # name, tensor, writes so far


class ArmsLength:
    """Hands every call on to an allocator.

    Args:
        allocator: with ``reset`` and ``decide``.
        name: set as the attribute ``allocator`` of whatever it raises; None to leave that to the caller.
    """

    def __init__(self, allocator: Any, name: str | None = None) -> None:
        self.allocator, self.name = allocator, name
        self._context: list[_Watched] = []

    def reset(self, context: Any, seed: int, /) -> None:
        """As the allocator's.

        Raises:
            InfeasibleDecision: a tensor of the context was written to.
        """
        self._context = _watched(context)
        self._call(self.allocator.reset, context, seed)
        self._require_untouched("reset()", "context", self._context)

    def decide(self, observation: Any, /) -> Any:
        """As the allocator's.

        Raises:
            InfeasibleDecision: a tensor of the observation or of the context was written to.
        """
        before = _watched(observation)
        decision = self._call(self.allocator.decide, observation)
        self._require_untouched("decide()", "observation", before)
        self._require_untouched("decide()", "context", self._context)
        return decision

    def _require_untouched(self, call: str, whole: str, before: list[_Watched]) -> None:
        for name, tensor, version in before:
            if tensor._version != version:  # counts the writes to a tensor and to all views of it
                self._call(_refuse, call, f"{whole}.{name}" if name else f"the {whole}")

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException as error:  # sys.exit() too must not end a run without a word
            if self.name is not None:
                error.allocator = self.name  # type: ignore[attr-defined]
            raise


def _watched(seen: Any) -> list[_Watched]:
    """The tensors that an observation or a context is or holds; those of inference mode cannot be watched."""
    parts = {"": seen} if isinstance(seen, Tensor) else getattr(seen, "__dict__", {})
    return [
        (name, value, value._version)
        for name, value in parts.items()
        if isinstance(value, Tensor) and not value.is_inference()
    ]


def _refuse(call: str, what: str) -> None:
    raise InfeasibleDecision(f"{call} wrote into {what}, which is not its own: work on a copy, .clone()")
