"""Claims points of a sweep, so that several coordinators share them and none computes one twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..results.claims import Claims, local_claims
from .sweep_folder import StoredPoint

if TYPE_CHECKING:
    from pathlib import Path

    from ..families.schema import ScenarioBase
    from ..results.store import Store
    from ..running.plan import Plan

POLL_S = 1.0
"""Time between two looks whether another coordinator has finished a point."""
_SHARDS = "shards"


class CheckedPoint(Protocol):
    """Defines a point that was checked and planned."""

    @property
    def stored(self) -> StoredPoint: ...
    @property
    def scenario(self) -> ScenarioBase: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def drop_intervals(self) -> int: ...


P = TypeVar("P", bound=CheckedPoint)


class PointClaims:
    """Claims points of one sweep for this coordinator.

    Args:
        folder: of the sweep.
        store: where it is kept, if that is not this machine.
        is_done: tells whether a point need not run any more.
    """

    def __init__(self, folder: Path, store: Store | None, is_done: Callable[[CheckedPoint], bool]) -> None:
        self.store, self.is_done = store, is_done
        self.claims = local_claims(folder) if store is None else Claims(store.files, store.root)

    def claimed(self, points: Sequence[P], skip: Callable[[CheckedPoint], None]) -> Iterator[P | None]:
        """Yields points that this coordinator is to compute; None while only others have some that are not done.

        Args:
            points: that were missing at the start.
            skip: told of a point that another coordinator has done meanwhile.
        """
        pending = list(points)
        while pending:
            held = []
            for point in pending:
                if not self.claims.take(point.stored.hash[:16]):
                    held.append(point)
                elif self._is_done(point):
                    skip(point)
                else:
                    yield point
            pending = []
            for point in held:
                skip(point) if self._is_done(point) else pending.append(point)
            until = time.monotonic() + POLL_S
            while pending and time.monotonic() < until:
                yield None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Gives up the claims when the block ends."""
        try:
            yield
        finally:
            self.claims.release()

    def clear(self) -> None:
        """Removes the claims of all coordinators, once all points are done."""
        self.claims.clear()

    def _is_done(self, point: CheckedPoint) -> bool:
        if self.store is not None:
            self.store.pull(point.stored.folder.relative_to(self.store.folder).as_posix(), without=_SHARDS)
        return self.is_done(point)
