"""Sums up how long deciding takes, apart from the rest of the loop: the times that shards carry, by allocator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import xarray as xr

    from .shards import RunKey, Shard

PARTS = ("observe", "decide", "step")


class TimedRun(Protocol):
    """Defines what is read of a run whose shards tell what they took."""

    @property
    def allocators(self) -> list[str]: ...
    @property
    def run_keys(self) -> list[RunKey]: ...
    @property
    def shards(self) -> Mapping[RunKey, Sequence[Shard]]: ...
    def read(self, path: Path, /) -> xr.Dataset: ...


@dataclass(frozen=True)
class DecisionTime:
    """Describes where the time of an allocator's loops went, all its variants and drops together."""

    allocator: str
    observe: float  # share of the loop's time
    decide: float
    step: float
    us_per_decision: float  # of the wall clock, for all drops of a batch at once
    drops_per_decision: float  # in a batch, on average
    shared_by: int  # allocators side by side, which observe and step are shared out among; 1 where it ran alone


def decision_times(result: TimedRun) -> list[DecisionTime]:
    """Sums up the times of each allocator, in the scenario's order; none of those whose shards tell no times."""
    found = [_decision_time(label, _attributes(result, label)) for label in result.allocators]
    return [time for time in found if time is not None]


def decision_time_sentences(found: Sequence[DecisionTime]) -> list[str]:
    """Writes a line for each allocator, and one on what they share where they ran side by side."""
    width = max((len(time.allocator) for time in found), default=0)
    lines = [_sentence(time, width) for time in found]
    together = max((time.shared_by for time in found), default=1)
    if together > 1:
        lines.append(f"{together} allocators ran side by side: observe and step are shared out equally")
    return lines


def human_us(microseconds: float) -> str:
    """Writes ``45 us``, ``3.2 ms``, ``1.5 s``."""
    for unit in ("us", "ms"):
        if microseconds < 1000:
            return f"{microseconds:.3g} {unit}"
        microseconds /= 1000
    return f"{microseconds:.3g} s"


def _sentence(time: DecisionTime, width: int) -> str:
    shares = ", ".join(f"{part} {100 * getattr(time, part):.1f} %" for part in PARTS)
    drops = f"{time.drops_per_decision:.3g} drop{'' if time.drops_per_decision == 1 else 's'}"
    return f"time of {time.allocator:<{width}}  {shares}; a decision for {drops} takes {human_us(time.us_per_decision)}"


def _decision_time(label: str, shards: Sequence[dict[str, Any]]) -> DecisionTime | None:
    """Sums up one allocator, from the attributes of its shards and the drops in each."""
    seconds = {part: sum(float(shard[f"wall_{part}_s"]) for shard in shards) for part in PARTS}
    decisions, whole = sum(int(shard["decisions"]) for shard in shards), sum(seconds.values())
    if not decisions or not whole:
        return None
    return DecisionTime(
        allocator=label,
        **{part: round(spent / whole, 4) for part, spent in seconds.items()},
        us_per_decision=round(1e6 * seconds["decide"] / decisions, 3),
        drops_per_decision=sum(shard["decisions"] * shard["drops"] for shard in shards) / decisions,
        shared_by=max(int(shard.get("wall_shared_by", 1)) for shard in shards),
    )


def _attributes(result: TimedRun, label: str) -> list[dict[str, Any]]:
    """Yields attributes of an allocator's shards that tell all times, with their number of drops."""
    needed = {"decisions", *(f"wall_{part}_s" for part in PARTS)}
    shards = [shard for run_key in result.run_keys if run_key.allocator == label for shard in result.shards[run_key]]
    told = [{**result.read(shard.path).attrs, "drops": len(shard.drops)} for shard in shards]
    return [attributes for attributes in told if needed <= attributes.keys()]
