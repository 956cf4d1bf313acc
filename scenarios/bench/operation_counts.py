"""Counts what the slot loop asks of a machine, instead of timing it: the same on every machine, busy or not.

A dispatch mode of torch sees every operation below autograd with its tensors. Views launch nothing and count nothing.
Of the others

- *operations* is how often one was launched; an allocation without a kernel (``empty``) is none;
- *read* and *written* are the bytes of inputs and outputs, each once, as a roofline has them: caches are not known of,
  what is expanded counts as it lies in memory, and of the table of a look-up (gather, index) or the target of a scatter
  as much as is touched;
- *allocated* are the bytes of storages that came into being as results, temporary memory inside of an operation apart;
- *product_flops* are two for each multiplication with addition of a matrix product;
- *element_operations* is one for each element of the largest tensor of every other operation;
- *host_syncs* are the points at which a GPU would have to be waited for: a value read back (``item``, ``bool``,
  ``tolist``), a copy to the host, a shape that depends on values (``nonzero``, a mask as an index). On a CPU they cost
  nothing, but they are the same calls, so they are counted there too.

What ``torch.compile`` compiled is counted as it was written: under a dispatch mode it runs operation by operation. A
compiled loop (:mod:`phy.numerics.jit`) is one operation that reads or writes each of its arrays once, and allocates
none; its tables stay in caches and are left out.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from mac.core.contracts import HasEngine
from mac.core.loop import Span, run
from phy.numerics.jit import Loop

_NO_KERNEL = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view", "set_"}
_VALUES_DECIDE = {"_local_scalar_dense", "nonzero", "equal", "masked_select", "_unique2", "unique_dim", "bincount",
                  "unique_consecutive"}  # fmt: skip
_TO_HOST = (Tensor.cpu, Tensor.tolist)  # of a CPU tensor no operation; Tensor.numpy follows Tensor.cpu on a GPU
_INDEXED = ("index", "index_put", "index_put_")
_LOOKS_UP = {"gather", "index", "index_select", "take", "embedding"}
_SCATTERS = {"scatter_", "scatter_add_", "scatter_reduce_", "index_add_", "index_put_", "index_copy_"}
_OVERWRITES = {"copy_", "fill_", "zero_", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}
"""Operations that do not read their first argument: they overwrite it, or take only its shape."""
_PRODUCTS = {packet.__name__: flops for packet, flops in flop_registry.items()}
_ROUNDS = 20  # intervals counted of a problem without blocks of slots


@dataclass(frozen=True)
class Counts:
    """Holds sums over some slots; see the module's text."""

    slots: int = 0
    operations: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    allocated_bytes: int = 0
    product_flops: int = 0
    element_operations: int = 0
    host_syncs: int = 0

    @property
    def moved_bytes(self) -> int:
        """Sums the bytes read and written."""
        return self.read_bytes + self.written_bytes

    def per_slot(self) -> dict[str, float]:
        """Returns everything for one slot."""
        return {name: getattr(self, name) / self.slots for name in NAMES}

    def since(self, before: Counts, slots: int) -> Counts:
        """Returns what came after ``before``, in so many slots."""
        return Counts(slots, *(getattr(self, name) - getattr(before, name) for name in NAMES))


NAMES = tuple(one.name for one in fields(Counts))[1:]
"""Everything that is counted, in the order of the fields."""


class Counting(TorchDispatchMode):
    """Counts while it is entered: ``with Counting() as counting: ...``, then ``counting.counts``.

    Attributes:
        by_operation: how often each operation was launched.
        moved_by_operation: bytes that each read and wrote.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_operation: Counter[str] = Counter()
        self.moved_by_operation: Counter[str] = Counter()
        self._totals = dict.fromkeys(NAMES, 0)
        self._watcher = self._note_loop
        self._calls = _HostCalls()

    @property
    def counts(self) -> Counts:
        """Counts so far; the caller adds the number of slots."""
        return replace(Counts(**self._totals), host_syncs=self._totals["host_syncs"] + self._calls.count)

    def __enter__(self) -> Counting:
        super().__enter__()  # type: ignore[no-untyped-call]
        Loop.watchers.append(self._watcher)
        self._calls.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        self._calls.__exit__(*error)  # type: ignore[no-untyped-call]
        Loop.watchers.remove(self._watcher)
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def _note_loop(self, name: str, arguments: Sequence[Any]) -> None:
        """Counts a compiled loop; half of its bytes are taken as written."""
        given = [argument for argument in arguments if type(argument).__name__ != "Tables"]
        sizes = [leaf.nbytes for leaf in tree_leaves(given) if isinstance(leaf, np.ndarray)]
        elements = [leaf.size for leaf in tree_leaves(given) if isinstance(leaf, np.ndarray)]
        self._totals["operations"] += 1
        self._totals["read_bytes"] += sum(sizes) - sum(sizes) // 2
        self._totals["written_bytes"] += sum(sizes) // 2
        self._totals["element_operations"] += max(elements, default=0)
        self.by_operation[name] += 1
        self.moved_by_operation[name] += sum(sizes)

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs the operation and counts it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if not func.is_view:  # nor writes, nor launches anything
            operation = _Operation.of(func, args, kwargs, out)
            counts = operation.counts()
            for what, number in counts.items():
                self._totals[what] += number
            if operation.launches:
                self.by_operation[operation.name] += 1
                self.moved_by_operation[operation.name] += counts["read_bytes"] + counts["written_bytes"]
        return out


class _HostCalls(TorchFunctionMode):
    """Counts calls that would copy to the host on a GPU, and are no operation on tensors that lie there already."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.count += func in _TO_HOST and args[0].device.type == "cpu"
        return func(*args, **(kwargs or {}))


def count(problem: Any, allocator: Any, windows: int = 1) -> list[Counts]:
    """Counts what the loop of a run does in some stretches of slots, one after the other.

    A stretch has all that comes back in the loop: whole blocks of slots with what is prepared for each of them, every
    report, and the end of a window of the results. A stretch is run beforehand and not counted.

    Args:
        problem: prepared; of any family.
        allocator: in the loop.
        windows: how many stretches.
    """
    intervals, slots = stretch(problem)
    ends: list[Counts] = []
    with Counting() as counting:
        span = Span(intervals=intervals * (windows + 1), window=intervals)
        run(problem, allocator, span, progress=lambda _: ends.append(counting.counts))
    return [after.since(before, slots) for before, after in itertools.pairwise(ends)]


def stretch(problem: Any) -> tuple[int, int]:
    """Finds the intervals after which everything in the loop has come back, and the slots or steps in them."""
    interval_s: float = problem.interval_s
    if not isinstance(problem, HasEngine):
        return _ROUNDS, _ROUNDS
    engine = problem.engine
    slots = round(interval_s / engine.parts.carrier.slot_s)  # of an interval
    period, window = engine.parts.link.report_period_slots, engine.backend.window_slots
    total = math.lcm(engine.parts.block_slots, period, window, slots)
    return total // slots, total


@dataclass(frozen=True)
class Graphs:
    """Describes what torch.compile made of some work."""

    graphs: int
    breaks: int  # places at which a graph ended because something could not be compiled


def graphs(work: Callable[[], object]) -> Graphs:
    """Runs some work whose compiled parts have not run yet, and counts into how many graphs they fell."""
    from torch._dynamo.utils import counters

    counters.clear()
    work()
    return Graphs(counters["stats"]["unique_graphs"], sum(counters["graph_break"].values()))


@dataclass(frozen=True)
class _Operation:
    """Describes one operation that is no view, and its tensors."""

    func: Any
    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    given: Sequence[Tensor]  # each once
    made: Sequence[Tensor]  # results, or what was written to in place
    out: Any

    @staticmethod
    def of(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> _Operation:
        given, made = _tensors((args, kwargs)), _tensors(out)
        name = func.overloadpacket.__name__
        return _Operation(func, name, args, kwargs, given, made or _tensors(_targets(func, args, kwargs)), out)

    @property
    def launches(self) -> bool:
        return self.name not in _NO_KERNEL

    def counts(self) -> dict[str, int]:
        """Counts this operation."""
        allocated = {"allocated_bytes": self._allocated_bytes()}
        if not self.launches:
            return allocated
        flops = self._product_flops()
        return {
            **allocated,
            "operations": 1,
            "read_bytes": self._read_bytes(),
            "written_bytes": self._written_bytes(),
            "product_flops": flops,
            "element_operations": 0 if flops else self._elements(),
            "host_syncs": self._waits(),
        }

    def _allocated_bytes(self) -> int:
        old = {tensor.untyped_storage()._cdata for tensor in self.given}
        new = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in self.made}
        return sum(size for storage, size in new.items() if storage not in old)

    def _read_bytes(self) -> int:
        unread = {id(tensor) for tensor in _tensors(self.kwargs.get("out"))}
        if self.name in _OVERWRITES:
            unread.add(id(self.args[0]))
        return sum(self._touched(tensor) for tensor in self.given if id(tensor) not in unread)

    def _written_bytes(self) -> int:
        return sum(self._touched(tensor) for tensor in self.made)

    def _touched(self, tensor: Tensor) -> int:
        """Counts the bytes of a tensor that an operation touches: of tables and targets no more than goes out or in."""
        if tensor is self.args[0] and self.name in _LOOKS_UP:
            return min(_bytes(tensor), sum(map(_bytes, self.made)))
        if tensor is self.args[0] and self.name in _SCATTERS:
            places: int = max((other.numel() for other in self.given if other is not tensor), default=0)
            return min(_bytes(tensor), places * int(tensor.element_size()))
        return _bytes(tensor)

    def _product_flops(self) -> int:
        formula = _PRODUCTS.get(self.name.rstrip("_"))
        return int(formula(*self.args, **self.kwargs, out_val=self.out)) if formula else 0

    def _elements(self) -> int:
        table = self.args[0] if self.name in _LOOKS_UP | _SCATTERS else None
        sizes = [tensor.numel() for tensor in self.given if tensor is not table]
        sizes += [tensor.numel() for tensor in self.made if tensor is not table]
        return max(sizes, default=0)

    def _waits(self) -> int:
        by_mask = self.name in _INDEXED and any(one is not None and one.dtype == torch.bool for one in self.args[1])
        from_device = any(tensor.device.type != "cpu" for tensor in self.given)
        to_host = from_device and any(tensor.device.type == "cpu" for tensor in self.made)
        return int(by_mask or to_host or self.name in _VALUES_DECIDE)


def _tensors(tree: Any) -> list[Tensor]:
    """Lists the tensors in arguments or results, each once."""
    found = (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))
    return list({id(tensor): tensor for tensor in found}.values())


def _targets(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Lists the arguments that an operation without a result writes to."""
    written = [(n, one.name) for n, one in enumerate(func._schema.arguments) if one.is_write]
    return [kwargs[name] if name in kwargs else args[n] for n, name in written]


def _bytes(tensor: Tensor) -> int:
    """Counts the bytes of a tensor as it lies in memory: what is expanded counts once."""
    if tensor.layout != torch.strided:
        return tensor.numel() * tensor.element_size()
    sizes = [size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride or not size]
    return int(math.prod(sizes) * tensor.element_size())
