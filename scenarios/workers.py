"""Batches of a run shared out among processes.

A slot of a small network gains nothing from a second thread; a second process runs another batch. Workers get pickled
batches and hand back windows; files are written by the run alone. Their processes are those of loky, which need no
``if __name__ == "__main__"`` in a script and know the classes of notebooks.
"""

from __future__ import annotations

import multiprocessing.resource_tracker
import os
import pickle
import shutil
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from allocators.making import told

from .batch import Batch, Piece, run_batch, threads
from .errors import ScenarioError
from .interrupts import held_back

if TYPE_CHECKING:
    from .contenders import Contender
    from .families import Family
    from .plan import Part, Plan
    from .progress import Advance

_LOOK_S = 0.1  # the run looks so often at how far its workers are, and for Ctrl-C
_PARENT_S = 1.0  # workers look so often whether the run is still there
_ENVIRONMENT = {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"}  # loky would restart workers, with a warning, that keep caches


@contextmanager
def shared_out(plan: Plan, todo: Sequence[Batch], advance: Advance) -> Iterator[Iterator[Piece]]:
    """Run batches in the plan's number of workers, or fewer where there are fewer batches.

    Args:
        plan: of the whole run.
        todo: what is to be done.
        advance: told how far the workers are, while the pieces are waited for.

    Yields:
        what :func:`scenarios.batch.run_batch` gives for each batch, in the order in which they end.

    Raises:
        ScenarioError: an allocator cannot be sent to a worker, or a worker died; and what a batch itself raises.
    """
    parcels = _parcels(plan, todo)
    workers = min(plan.workers, len(todo))
    with TemporaryDirectory(prefix="fairwave-") as folder, _pool(workers, folder) as pool:
        file = Path(folder) / "drop-intervals"  # done, of each batch
        counts = np.memmap(file, np.int64, "w+", shape=(len(todo),))
        multiprocessing.resource_tracker.ensure_running()  # its start would let Ctrl-C through again
        with held_back():
            waiting = {pool.submit(_work, parcel, file, n) for n, parcel in enumerate(parcels)}
        yield _collected(waiting, counts, lambda count: advance(count, f"{workers} workers"))


@contextmanager
def _pool(workers: int, folder: str) -> Iterator[Executor]:
    """Worker processes that end with the block, whatever they are at; if this process is killed, with the folder."""
    from loky import ProcessPoolExecutor

    start = (sys.path, os.getpid(), folder)
    pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=start, env=_ENVIRONMENT)
    try:
        yield pool
    finally:
        with held_back():
            pool.shutdown(kill_workers=True)


def _collected(waiting: set[Future[_Done]], counts: Any, advance: Callable[[int], None]) -> Iterator[Piece]:
    """Pieces as they come, and the warnings that came with them, each once."""
    told_of, known = 0, set[_Warning]()
    while waiting:
        ended, waiting = wait(waiting, _LOOK_S, FIRST_COMPLETED)
        so_far = int(counts.sum())
        advance(so_far - told_of)
        told_of = so_far
        for future in ended:
            done = _result(future)
            _warn(done.warnings - known)
            known |= done.warnings
            yield from done.pieces
            if done.error is not None:
                raise done.error


def _result(future: Future[_Done]) -> _Done:
    try:
        return future.result()
    except BrokenProcessPool:
        raise ScenarioError(
            "a worker process died: it was killed, or the system had no memory left for it; take fewer workers or "
            "fewer drops side by side (drops_per_batch), and --resume to keep what is done"
        ) from None


def _warn(caught: Iterable[_Warning]) -> None:
    """Warn of what workers warned of, so that this process' filters hold."""
    for one in caught:
        warnings.warn_explicit(one.text, one.category, one.file, one.line)


@dataclass(frozen=True)
class _Warning:
    text: str
    category: type[Warning]
    file: str
    line: int


@dataclass(frozen=True)
class _Done:
    """What a batch came to: all its pieces, or those before an error."""

    pieces: Sequence[Piece]
    warnings: frozenset[_Warning]
    error: Exception | None


@dataclass(frozen=True)
class _Parcel:
    """A batch on its way: allocators pickled one by one, so that one that does not arrive can be named."""

    plan: Plan
    part: Part
    drops: tuple[int, ...]
    entrants: Mapping[str, bytes]


def _parcels(plan: Plan, todo: Sequence[Batch]) -> list[bytes]:
    who = {entrant.label: entrant for batch in todo for entrant in batch.entrants}
    pickled = {label: _pickled(entrant, f"allocator '{label}'") for label, entrant in who.items()}
    return [
        _pickled(
            _Parcel(plan, batch.part, batch.drops, {one.label: pickled[one.label] for one in batch.entrants}),
            f"the family '{plan.family.name}'",
        )
        for batch in todo
    ]


def _pickled(thing: object, name: str) -> bytes:
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(thing))
    except Exception as error:  # an object may refuse in any way
        raise ScenarioError(_not_sent(name, error)) from None


def _not_sent(name: str, error: Exception) -> str:
    return (
        f"{name} cannot be sent to worker processes ({told(error)}); let it hold nothing that cannot be pickled before "
        "reset(), of a class that can be imported, or leave workers out"
    )


# What follows runs in the workers.

_MET: set[bytes] = set()  # allocators that this worker has made before


def _begin(path: list[str], parent: int, folder: str) -> None:
    """Find plug-ins where the run finds them, and end when it does."""
    sys.path[:] = path
    threading.Thread(target=_end_with, args=(parent, folder), daemon=True).start()


def _end_with(parent: int, folder: str) -> None:
    """End this process when its parent is no more, and what that could not tidy up if it was killed."""
    while os.getppid() == parent:
        time.sleep(_PARENT_S)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _work(parcel: bytes, counts: Path, number: int) -> _Done:
    """Run one batch. Each one's allocators are fresh copies: nothing is left of the batch before."""
    pieces: list[Piece] = []
    count = np.memmap(counts, np.int64, "r+")

    def advance(done: int, _: str) -> None:
        count[number] += done

    error = None
    with warnings.catch_warnings(record=True) as caught:
        try:
            plan, batch = _unpacked(parcel)
            with threads(plan.device):
                pieces.extend(run_batch(plan, batch, advance))
        except Exception as failure:
            error = _portable(failure)
    sys.stdout.flush()  # what plug-ins print; a worker is killed in the end
    told_of = frozenset(_Warning(str(one.message), one.category, one.filename, one.lineno) for one in caught)
    return _Done(pieces, told_of, error)


def _unpacked(parcel: bytes) -> tuple[Plan, Batch]:
    sent: _Parcel = pickle.loads(parcel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what importing and making an allocator warns of, the run itself has shown
        entrants = tuple(_unpickled(label, pickled, sent.plan.family) for label, pickled in sent.entrants.items())
    return sent.plan, Batch(sent.part, sent.drops, entrants)


def _unpickled(label: str, pickled: bytes, family: Family) -> Contender:
    """An allocator, which is made once when this worker first meets it, so that its module is imported."""
    try:
        entrant: Contender = pickle.loads(pickled)
    except Exception as error:  # its module may fail in any way when it is imported
        raise ScenarioError(_not_sent(f"allocator '{label}'", error)) from None
    if pickled not in _MET:
        entrant.make(family)
        _MET.add(pickled)
    return entrant


def _portable(error: Exception) -> Exception:
    """An error that the run can raise, with the place where it arose as a note."""
    error.add_note(f"In a worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # of a class that cannot be pickled, or not be made again from its text
        kind = ValueError if isinstance(error, ValueError | OSError) else RuntimeError
        return kind(str(error))
    return error
