"""Keeps the folder of a run or sweep at a URL, such as ``s3://bucket/run``: fsspec reads and writes it.

Work goes on in a copy on this machine that ends with the process. A file is written there first, then uploaded under
its name as a whole: a store of objects does that by itself, in others it is uploaded under another name and moved.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ScenarioError

_OBJECTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "memory"}
"""Stores in which an object is there as a whole or not at all."""
_MARK_FILE = ".fairwave-probe"
_URL = re.compile(r"([a-z][a-z0-9+]+):/+(.*)")


def url_of(place: object) -> str | None:
    """Returns the URL that names a folder, also one that has gone through a Path; None for a path."""
    found = _URL.fullmatch(str(place)) if isinstance(place, str | os.PathLike) else None
    return f"{found[1]}://{'/' if found[1] == 'file' else ''}{found[2]}" if found else None


class Store:
    """Reads and writes a folder at a URL.

    Attributes:
        url: of the folder.
        folder: copy of it on this machine.
        files: fsspec's file system.
        root: the folder in it.

    Raises:
        ScenarioError: the URL cannot be used: a package is missing, the address is unknown.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url.rstrip("/")
        try:
            self.files, self.root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            extra = "; pip install 'fairwave[s3]'" if url.startswith("s3") else ""
            raise ScenarioError(f"--out {url}: {error}{extra}") from None
        except ValueError as error:
            raise ScenarioError(f"--out {url}: {error}") from None
        self.files.use_listings_cache = False
        self.folder = Path(tempfile.mkdtemp(prefix="fairwave-store-")) / Path(self.root).name
        atexit.register(shutil.rmtree, self.folder.parent, ignore_errors=True)

    def probe(self) -> None:
        """Writes a trial file before anything runs, and removes it.

        Raises:
            ScenarioError: the store cannot be written.
        """
        path = f"{self.root}/{_MARK_FILE}"
        with self._told("cannot write"):
            self.files.makedirs(self.root, exist_ok=True)
            self.files.pipe_file(path, b"fairwave")
            self.files.rm_file(path)

    def pull(self, below: str = "", without: str = "") -> None:
        """Downloads what is new or changed below a folder.

        Args:
            below: the folder, relative to the store's.
            without: a folder's name whose files are left out.
        """
        with self._told("cannot read"):
            self.files.invalidate_cache()
            found = self.files.find(f"{self.root}/{below}".rstrip("/"), detail=True)
            there: dict[str, Any] = {self._relative(path): info for path, info in found.items()}
            for name, info in there.items():
                local = self.folder / name
                if without and without in Path(name).parts:
                    continue
                if not local.is_file() or local.stat().st_size != info["size"] or local.suffix != ".nc":
                    local.parent.mkdir(parents=True, exist_ok=True)
                    self.files.get_file(f"{self.root}/{name}", str(local))

    def url_of(self, path: Path) -> str:
        """Returns the URL of a file or folder of the copy."""
        name = path.relative_to(self.folder).as_posix()
        return self.url if name == "." else f"{self.url}/{name}"

    def names(self, below: Path) -> set[str]:
        """Lists the files in a folder of the store, by the folder of the copy."""
        with self._told("cannot read"):
            self.files.invalidate_cache()
            folder = f"{self.root}/{below.relative_to(self.folder).as_posix()}"
            return {Path(path).name for path in self.files.find(folder, maxdepth=1)}

    def push(self, path: Path) -> None:
        """Uploads a file of the copy, or the files of a run's folder but shards, which were uploaded before.

        Raises:
            ScenarioError: the store cannot be written or is full.
        """
        if path.is_dir():
            inside = [one for one in sorted(path.rglob("*")) if one.is_file() and one.suffix != ".nc"]
            for one in sorted(inside, key=lambda file: file.name == "meta.json"):  # says last that all is there
                self.push(one)
            return
        target = f"{self.root}/{path.relative_to(self.folder).as_posix()}"
        protocols = self.files.protocol if isinstance(self.files.protocol, tuple) else (self.files.protocol,)
        with self._told("cannot write"):
            if _OBJECTS & set(protocols):
                self.files.put_file(str(path), target)
                return
            partial = f"{target}.{os.getpid()}.tmp"
            self.files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self.files.put_file(str(path), partial)
            self.files.mv(partial, target)

    def push_files(self, folder: Path) -> None:
        """Uploads the files of a folder of the copy, but not those of folders in it."""
        for path in sorted(folder.iterdir()):
            if path.is_file():
                self.push(path)

    def _relative(self, path: str) -> str:
        return path.removeprefix(self.files._strip_protocol(self.root)).lstrip("/")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Says what failed in one sentence, whatever kind of error the store's package raises."""
        try:
            yield
        except ScenarioError:
            raise
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise ScenarioError(f"{what} {self.url}: {text}; give a store that is there and may be written") from None


def open_store(out: object) -> Store | None:
    """Opens the store that a URL names to write it, and reads what is there but shards; None for a path.

    Raises:
        ScenarioError: the store cannot be read or written.
    """
    store = store_to_read(out)
    if store is not None:
        store.probe()
    return store


@contextmanager
def urls_in_errors(store: Store | None) -> Iterator[None]:
    """Names the URL instead of its copy in errors of the block."""
    try:
        yield
    except ScenarioError as error:
        if store is None:
            raise
        raise ScenarioError(str(error).replace(str(store.folder), store.url)) from None


def store_to_read(place: object) -> Store | None:
    """Opens the store that a URL names, without its shards, to read it; None for a path.

    Raises:
        ScenarioError: the store cannot be read.
    """
    url = url_of(place)
    if url is None:
        return None
    store = Store(url)
    store.pull(without="shards")
    return store


def local_copy(place: str | Path) -> Path:
    """Returns a folder to read: itself, or of a URL a copy on this machine.

    Raises:
        ScenarioError: the store cannot be read.
    """
    store = store_to_read(place)
    if store is None:
        return Path(place)
    store.pull()
    if not store.folder.is_dir():
        raise ScenarioError(f"there is nothing at {store.url}; give the URL that a run or sweep has printed")
    return store.folder
