"""Claims pieces of work in a folder that several coordinators share, so that none of them is computed twice.

``.fairwave-claims/owners/ID`` tells the process of a coordinator, and changes every few seconds while it is alive;
``.fairwave-claims/UNIT.N`` says which coordinator computes a piece of work. It is made by an exclusive create, so that
one coordinator succeeds. A claim of a coordinator that is gone stays, and the next one is ``UNIT.N+1``.

Clocks need not agree: a coordinator is gone when its file did not change for a lease, by the clock of the one that
looks; on one machine as soon as its process is gone. One that only stood still (a laptop that slept) computes on: then
work is done twice, with the same results, and nothing is lost.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ScenarioError

FOLDER = ".fairwave-claims"
LEASE_S = 60.0
"""Time without a sign of life after which a coordinator on another machine is taken for gone."""
BEAT_S = 10.0
"""Time between two signs of life."""


class Claims:
    """Claims units of work for this coordinator.

    Args:
        files: an fsspec file system.
        root: folder in it, for the claims of one run or sweep.
        lease_s: see :data:`LEASE_S`.
    """

    def __init__(self, files: Any, root: str, lease_s: float = LEASE_S) -> None:
        self.files, self.root, self.lease_s = files, f"{root.rstrip('/')}/{FOLDER}", lease_s
        self.owner = uuid.uuid4().hex[:12]
        self._mine: dict[str, str] = {}  # path of the claim, by unit
        self._seen: dict[str, tuple[bytes, float]] = {}  # last sign of life of others, and when it was new here
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._made: list[Path] = []  # folders that were not there before, the innermost first

    @property
    def count(self) -> int:
        """Counts the units that this coordinator has claimed."""
        return len(self._mine)

    def take(self, unit: str) -> bool:
        """Claims a unit; returns whether this coordinator has it now.

        Raises:
            ScenarioError: the folder cannot be written.
        """
        if unit in self._mine:
            return True
        self._begin()
        number = 0
        while True:
            path = f"{self.root}/{unit}.{number}"
            if self._create(path):
                self._mine[unit] = path
                return True
            if not self._is_gone(self._read(path).decode(errors="replace")):
                return False
            number += 1

    def release(self) -> None:
        """Gives up all claims of this coordinator, and leaves no empty folder behind."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        for path in (*self._mine.values(), self._own):
            self._remove(path)
        self._mine.clear()
        for folder in (Path(self.root, "owners"), Path(self.root), *self._made) if _is_local(self.files) else ():
            with suppress(OSError):  # not empty: others are at work
                folder.rmdir()

    def clear(self) -> None:
        """Removes the claims of all coordinators, once all work is done."""
        self.release()
        with suppress(OSError):  # another coordinator shows a sign of life meanwhile, and removes it in the end
            self.files.rm(self.root, recursive=True)

    @property
    def _own(self) -> str:
        return f"{self.root}/owners/{self.owner}"

    def _begin(self) -> None:
        """Shows the first sign of life, and keeps showing it."""
        if self._thread is not None:
            return
        if _is_local(self.files):
            self._made = [folder for folder in Path(self.root).parents if not folder.exists()]
        try:
            self.files.makedirs(f"{self.root}/owners", exist_ok=True)
            self._beat(0)
        except OSError as error:
            raise ScenarioError(f"cannot write {self.root}: {error.strerror or error}") from None
        self._stop.clear()
        self._thread = threading.Thread(target=self._keep_alive, daemon=True)
        self._thread.start()

    def _keep_alive(self) -> None:
        count = 0
        while not self._stop.wait(min(BEAT_S, self.lease_s / 4)):
            count += 1
            with suppress(OSError):  # a store that is gone for a moment: the next one may come through
                self._beat(count)

    def _beat(self, count: int) -> None:
        self.files.pipe_file(self._own, json.dumps({**_process(), "beat": count}).encode())

    def _create(self, path: str) -> bool:
        try:
            with self.files.open(path, "xb") as file:
                file.write(self.owner.encode())
        except FileExistsError:
            return False
        except FileNotFoundError:  # all work is done, and the claims on it were removed
            self.files.makedirs(f"{self.root}/owners", exist_ok=True)
            self._beat(0)
            return self._create(path)
        except OSError as error:
            with suppress(OSError):  # an empty claim, for whose owner the next coordinator would wait
                self._remove(path)
            raise ScenarioError(f"cannot write {path}: {error.strerror or error}") from None
        return True

    def _read(self, path: str) -> bytes:
        try:
            return bytes(self.files.cat_file(path))
        except FileNotFoundError:
            return b""

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self.files.rm_file(path)

    def _is_gone(self, owner: str) -> bool:
        """Finds out whether a coordinator is no longer alive."""
        sign = self._read(f"{self.root}/owners/{owner}") if owner else b""
        if owner and not sign:
            return True  # it has ended
        if _is_dead_here(sign):
            return True
        before, since = self._seen.get(owner, (None, 0.0))
        if sign != before:
            self._seen[owner] = (sign, time.monotonic())
            return False
        return time.monotonic() - since > self.lease_s


def local_claims(folder: Path) -> Claims:
    """Returns the claims in a folder of this machine, or of a file system that several machines mount."""
    from fsspec.implementations.local import LocalFileSystem

    return Claims(LocalFileSystem(), str(folder.absolute()))


def _is_local(files: Any) -> bool:
    return "file" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,))


def _process() -> dict[str, Any]:
    """Describes this process so that others on the same machine find out whether it is there."""
    import psutil

    return {"machine": _machine(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def _machine() -> str:
    """Names this machine and what it counts processes in; containers have a space of their own."""
    with suppress(OSError):
        return f"{platform.node()} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()} " + os.readlink(
            "/proc/self/ns/pid"
        )
    return platform.node()


def _is_dead_here(sign: bytes) -> bool:
    """Checks whether a coordinator ran on this machine, and its process is gone."""
    import psutil

    try:
        told = json.loads(sign)
    except ValueError:
        return False
    if told["machine"] != _machine():
        return False
    try:
        return bool(psutil.Process(told["pid"]).create_time() != told["started"])
    except psutil.NoSuchProcess:
        return True
