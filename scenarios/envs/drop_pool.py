"""Draws networks of episodes to come while the present ones are simulated, so that a reset does not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from ..families.environment import Scene

Drawn = tuple[int, ...]


class DropPool:
    """Draws batches of drops, one of them ahead in a thread of its own; which drops they are decides what they hold.

    Args:
        draw: builds the problem of the drops of these numbers.
    """

    def __init__(self, draw: Callable[[Drawn], Scene]) -> None:
        self._draw = draw
        self._ahead: tuple[Drawn, Future[Scene]] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def draw_ahead(self, numbers: Drawn) -> None:
        """Begins to draw drops that will probably be taken next."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "fairwave-drops", torch.set_num_threads, (1,))
        self._forget()
        self._ahead = numbers, self._thread.submit(self._draw, numbers)

    def take(self, numbers: Drawn) -> Scene:
        """Returns drops: those that were drawn ahead if they are these, otherwise new ones."""
        if self._ahead is not None and self._ahead[0] == numbers:
            (_, coming), self._ahead = self._ahead, None
            return coming.result()
        return self._draw(numbers)

    def wait(self) -> None:
        """Waits until what is drawn ahead is there."""
        if self._ahead is not None:
            self._ahead[1].result()

    def close(self) -> None:
        """Stops drawing."""
        self._forget()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None

    def _forget(self) -> None:
        if self._ahead is not None:
            self._ahead[1].cancel()
            self._ahead = None
