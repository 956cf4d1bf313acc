"""Declares the interface of a problem, which knows all, and an allocator, which observes what a controller could.

B drops, U UEs or other users of a family. Letters of shapes have one meaning in the whole tree, see
docs/reference/nomenclature.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from phy.random import Drops

State = TypeVar("State")
ObsOut = TypeVar("ObsOut", covariant=True)
DecIn = TypeVar("DecIn", contravariant=True)
ObsIn = TypeVar("ObsIn", contravariant=True)
DecOut = TypeVar("DecOut", covariant=True)

Combine = Literal["sum", "last", "total", "series"]
Extra = Tensor | Callable[[], Tensor]
"""A value, or for ``last`` a function that computes it when a window ends and that is called before the next step."""


@dataclass(frozen=True)
class ArraySpec:
    """Describes one array of an :class:`Outcome`: its labels, its unit, how the intervals of a window are combined.

    ``dims`` are the labels of its dimensions after the drop, for example ``("user",)`` or ``("cell",)``.
    ``sum`` adds up the intervals of a window, ``last`` keeps the newest, ``total`` adds up the whole run,
    ``series`` keeps every slot: its values are ``[B, slots, ...]``, and the intervals stand one after the other.
    """

    dims: tuple[str, ...]
    unit: str
    combine: Combine
    description: str


@dataclass(frozen=True)
class SlotTotals:
    """Holds sums of an interval in one tensor, which is added up at once: quick where intervals are short."""

    names: tuple[str, ...]  # of arrays that are sums of [B, ...], those of every outcome included
    values: Tensor  # [len(names), B, ...]
    zero: frozenset[str] = frozenset()  # further arrays that are zero everywhere and need not be added up

    def by_name(self) -> dict[str, Tensor]:
        """Returns each array, ``[B, ...]``."""
        return dict(zip(self.names, self.values.unbind(0), strict=True))


@dataclass(frozen=True)
class Outcome:
    """Holds the results of one interval, as sums over the interval; or of several intervals, within one window."""

    served_bits: Tensor  # [B, U] bits delivered without error
    demand_bits: Tensor  # [B, U] bits that arrived
    packets: Tensor  # [B, U] packets whose last bit was delivered
    delay_s: Tensor  # [B, U] sum of those packets' delays
    energy_j: Tensor  # [B] energy spent by the network
    extras: Mapping[str, Extra] = field(default_factory=dict)  # described by Problem.array_specs
    totals: SlotTotals | None = None  # more arrays, and a quicker way to some; leave it out unless intervals are slots
    over: bool = False  # nothing can happen any more in any drop: every interval to come would be all zeros
    intervals: int = 1
    each: Mapping[str, Tensor] = field(
        default_factory=dict
    )  # [T, B, ...] in each of several intervals: sums that depend
    # on their order by rounding


class Allocator(Protocol[ObsIn, DecOut]):
    """Decides from what it observes. A plain class will do: there is nothing to inherit and nothing to register."""

    def reset(self, context: object, seed: int, /) -> None: ...

    def decide(self, observation: ObsIn, /) -> DecOut: ...


@runtime_checkable
class LearningAllocator(Allocator[ObsIn, DecOut], Protocol[ObsIn, DecOut]):
    """Learns while it runs, and saves what it has learned; what `fairwave train` asks of an allocator.

    ``learning`` is a parameter of it. While it is true, ``reset`` keeps what was learned; otherwise ``reset`` forgets.
    What was learned is loaded by a parameter of the allocator's own, such as ``checkpoint``. With a method
    ``is_checkpoint(path) -> bool``, which it need not have, a training may overwrite an earlier checkpoint.
    """

    learning: bool

    def save(self, path: Path, /) -> None:
        """Writes what was learned to a file."""
        ...


@runtime_checkable
class HasEngine(Protocol):
    """Runs on the engine of a cellular carrier, slot by slot; not all problems do."""

    @property
    def engine(self) -> Any:
        """Returns the engine."""
        ...


@runtime_checkable
class RunsIntervals(Protocol):
    """Runs several intervals of a problem that it knows at once, as :mod:`mac.core.loop` would run one after the other.

    Only allocators of fairwave's own are asked, for a plug-in must not see the state of a problem.
    """

    def run_intervals(self, problem: Any, state: Any, most: int, /) -> tuple[Any, Outcome, float] | None:
        """Returns the state after at most ``most`` intervals, their outcome, and the seconds that deciding took.

        None where it runs none at once.
        """
        ...


class Problem(Protocol[State, ObsOut, DecIn]):
    """Keeps a family's clock, state and outcomes."""

    @property
    def interval_s(self) -> float: ...

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]: ...

    @property
    def drops(self) -> Drops: ...

    @property
    def context(self) -> object: ...

    def start(self) -> State: ...

    def observe(self, state: State, /) -> ObsOut: ...

    def step(self, state: State, decision: DecIn, /) -> tuple[State, Outcome]: ...


@runtime_checkable
class HasBackend(Protocol):
    """Computes intervals in one of several forms, chosen when the problem is built."""

    @property
    def backend(self) -> str:
        """Returns the name of the form: numba, torch or torch.compile."""


CORE_ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "served_bits": ArraySpec(("user",), "bit", "sum", "bits delivered without error"),
    "demand_bits": ArraySpec(("user",), "bit", "sum", "bits that arrived"),
    "packets": ArraySpec(("user",), "1", "sum", "packets completed"),
    "delay_s": ArraySpec(("user",), "s", "sum", "sum of the delays of the packets completed"),
    "energy_j": ArraySpec((), "J", "sum", "energy spent by the network"),
}
"""The arrays of every outcome, whatever the family."""


class AllocatorError(RuntimeError):
    """Reports an allocator that failed or broke a rule; the text names it, the drop, the interval and the time."""


class InfeasibleDecision(ValueError):
    """Reports a decision that breaks the rules of its problem: what is wrong and, where it is one drop's, in which."""

    def __init__(self, message: str, drop: int | None = None) -> None:
        super().__init__(message)
        self.drop = drop
