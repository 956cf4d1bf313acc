"""Holds a run that was checked and planned, and writes what its batches come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.loading import drop_hash, scenario_hash
from ..results.claims import Claims, local_claims
from ..results.drop_metrics import DropMetrics
from ..results.provenance import Provenance
from ..results.read_files import not_watching, required_modules
from ..results.run_folder import choose, open_folder
from ..results.shards import RunKey, batches, drops_of, whole_shards, write_shard
from ..results.store import Store, open_store, urls_in_errors
from .batch import Batch, Piece
from .entrants import Entrant
from .plan import Plan, VariantPlan
from .plan_provenance import provenances

if TYPE_CHECKING:
    from .options import RunOptions


@dataclass
class PreparedRun:
    """Holds everything that is settled before a run computes its first batch.

    Attributes:
        claims: claims on its batches; None where the whole run is claimed.
        store: where its folder is kept, if that is not this machine.
        modules: of the user's, that the run names.
        drop_metrics: metrics of the drops in a shard that were computed with it.
        refused: whether another coordinator has computed, or is computing, some of what was to be done.
    """

    folder: Path
    plan: Plan
    entrants: Sequence[Entrant]
    made: Mapping[RunKey, Provenance]
    claims: Claims | None
    store: Store | None
    modules: frozenset[str]
    refused: bool = False
    drop_metrics: dict[Path, DropMetrics] = field(default_factory=dict)
    _known: dict[RunKey, set[str]] = field(default_factory=dict)
    _opened: bool = False

    @property
    def place(self) -> str:
        """Names where the results are: the folder, or its URL."""
        return self.store.url_of(self.folder) if self.store is not None else str(self.folder)

    def todo(self) -> list[Batch]:
        """Finds what is still missing, in the plan's batches."""
        if self.store is not None and self.refused:
            self.store.pull(_relative(self.folder, self.store))
        self.refused = False
        return [batch for part in self.plan.parts for batch in self._todo(part)]

    def claimed(self, todo: Sequence[Batch]) -> Iterator[Batch]:
        """Yields batches as they are asked for, without the drops that another coordinator computes."""
        for batch in todo:
            drops = [drop for drop in batch.drops if self._take(batch, drop)]
            self.refused |= len(drops) < len(batch.drops)
            for some in batches(drops, len(batch.drops)):
                yield Batch(batch.part, some, batch.entrants)

    def open(self) -> None:
        """Makes the folder, at the first call; what killed writers left in it is removed.

        Raises:
            ScenarioError: the folder or store cannot be written.
        """
        if self._opened:
            return
        open_folder(self.folder, self.plan.scenario)
        self._opened = True
        if self.store is not None:
            self.store.push(self.folder)

    def write(self, pieces: Sequence[Piece], metrics: Sequence[DropMetrics | None] = ()) -> None:
        """Writes the windows that a batch came to, each as a shard of its own.

        Args:
            pieces: the windows.
            metrics: of each piece, as far as they are known.

        Raises:
            ScenarioError: the folder or store cannot be written or is full.
        """
        with not_watching():
            for (run_key, windows), known in zip_longest(pieces, metrics):
                self.open()  # not before: a run that fails at once leaves nothing
                path = write_shard(self.folder, run_key, windows.assign_attrs(self.made[run_key].attributes()))
                self._known.setdefault(run_key, set()).add(path.name)
                if known is not None:
                    self.drop_metrics[path] = known
                if self.store is not None:
                    self.store.push(path)

    def _todo(self, part: VariantPlan) -> list[Batch]:
        plan, missing_by_batch = self.plan, dict[tuple[int, ...], list[Entrant]]()
        hashes = (drop_hash(plan.scenario), scenario_hash(plan.scenario))
        for entrant in self.entrants:
            run_key = RunKey(part.variant, entrant.label)
            self._known[run_key] = self._names(run_key)
            shards = whole_shards(self.folder, run_key, hashes)
            missing = set(range(plan.scenario.drops)) - {drop for shard in shards for drop in shard.drops}
            for drops in batches(missing, part.drops_per_batch):
                missing_by_batch.setdefault(drops, []).append(entrant)
        return [
            Batch(part, drops, tuple(missing[first : first + part.entrants]))
            for drops, missing in missing_by_batch.items()
            for first in range(0, len(missing), part.entrants)
        ]

    def _take(self, batch: Batch, drop: int) -> bool:
        """Claims a drop of a variant; returns whether it is still to be computed, and by this coordinator."""
        if self.claims is None:
            return True
        before = self.claims.count
        if not self.claims.take(f"{batch.part.variant or '_'}-{drop:05d}"):
            return False
        if self.claims.count == before:  # ours before, too
            return True
        keys = [RunKey(batch.part.variant, entrant.label) for entrant in batch.entrants]
        return not any(drop in drops_of(name) for key in keys for name in self._names(key) - self._known[key])

    def _names(self, run_key: RunKey) -> set[str]:
        """Lists the shards that are there now."""
        folder = run_key.folder(self.folder)
        if self.store is not None:
            return self.store.names(folder)
        return {path.name for path in folder.glob("drops-*.nc")}


@contextmanager
def prepared(plan: Plan, entrants: Sequence[Entrant], options: RunOptions) -> Iterator[PreparedRun]:
    """Chooses the folder of a run; claims on it are given up when the block ends.

    Raises:
        ScenarioError: the folder or store cannot be used.
    """
    made = provenances(plan, entrants)
    store, out = options.store, options.out
    if store is None and (store := open_store(options.out)) is not None:
        store.pull()
        out = store.folder
    elif store is not None:
        store.pull(_relative(Path(str(out)), store))
    with urls_in_errors(store):
        folder = choose(plan.scenario, out, options.resume, made)
    claims = None
    if not options.claimed:
        claims = local_claims(folder) if store is None else Claims(store.files, store.root)
    try:
        yield PreparedRun(folder, plan, entrants, made, claims, store, required_modules())
    finally:
        if claims is not None:
            claims.release()


def _relative(folder: Path, store: Store) -> str:
    return folder.relative_to(store.folder).as_posix().removeprefix(".")
