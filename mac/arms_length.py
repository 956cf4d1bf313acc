"""An allocator held at arm's length: it is named in whatever it raises, and may not write into what it is shown.

What an allocator observes are the engine's own tensors, shared by all allocators of a run. One that writes into them
would change the truth, its own and that of those that come after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from .contracts import InfeasibleDecision


class ArmsLength:
    """Hands every call on to an allocator.

    Args:
        allocator: with ``reset`` and ``decide``.
        name: set as the attribute ``allocator`` of whatever it raises; None to leave that to the caller.
    """

    def __init__(self, allocator: Any, name: str | None = None) -> None:
        self.allocator, self.name = allocator, name

    def reset(self, context: Any, seed: int, /) -> None:
        """As the allocator's."""
        self._call(self.allocator.reset, context, seed)

    def decide(self, observation: Any, /) -> Any:
        """As the allocator's.

        Raises:
            InfeasibleDecision: a tensor of the observation was written to.
        """
        before = [(name, tensor, tensor._version) for name, tensor in _tensors(observation)]
        decision = self._call(self.allocator.decide, observation)
        for name, tensor, version in before:
            if tensor._version != version:  # counts the writes to a tensor and to all views of it
                self._call(_refuse, name)
        return decision

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException as error:  # sys.exit() too must not end a run without a word
            if self.name is not None:
                error.allocator = self.name  # type: ignore[attr-defined]
            raise


def _tensors(observation: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors that an observation is or holds; those of inference mode cannot be watched."""
    parts = {"": observation} if isinstance(observation, Tensor) else getattr(observation, "__dict__", {})
    return ((name, value) for name, value in parts.items() if isinstance(value, Tensor) and not value.is_inference())


def _refuse(name: str) -> None:
    what = f"observation.{name}" if name else "the observation"
    raise InfeasibleDecision(f"decide() wrote into {what}, which is not its own: work on a copy, .clone()")
