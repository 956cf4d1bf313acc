"""Finds out whether the drawn network stays the same while a key varies, so that a curve is made on the same drops.

All points have the same seed and drop numbers. That alone makes networks equal only where nothing that is drawn depends
on the key. So drop 0 is built at the first point and at one that differs from it in the key, and in as few others as
there are, and what it holds is compared bit for bit: positions, serving cells, mean SNR, fading, arrivals. Where a key
adds UEs, the UEs that both have are compared. Of families that name nothing so, all of the first state is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
import torch

from phy.random import Drops

from .. import families
from ..config.loading import variants
from ..families.schema import ScenarioBase
from .points import Point, value_text

_NAMES = {
    "position_m": "positions",
    "start_m": "positions",
    "initial_j": "energy of the nodes",
    "serving": "serving cells",
    "mean_snr": "mean SNR",
    "rays": "fading",
    "arrivals": "arrivals",
}
"""Names of arrays that hold what is drawn -> what a sentence calls them."""
_DEEPEST = 12

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class SharedNetwork:
    """Describes what of the network stays the same while a key varies.

    Attributes:
        key: that varies.
        values: the two that were compared.
        kept: what is the same, bit for bit.
        common: what is the same for the UEs that both have; there are more at one of the values.
        differs: what is not the same.
    """

    key: str
    values: tuple[str, str]
    kept: tuple[str, ...]
    common: tuple[str, ...]
    differs: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Checks whether all that was compared is the same."""
        return not self.common and not self.differs

    def sentence(self) -> str:
        """Writes what stays the same: ``carrier.prbs: the same positions; other fading``."""
        if self.same:
            return f"{self.key}: the same drops at all values ({', '.join(self.kept) or 'nothing is drawn'})"
        parts = [f"the same {', '.join(self.kept)}"] if self.kept else []
        parts += [f"for the users that both have the same {', '.join(self.common)}"] if self.common else []
        parts += [f"other {', '.join(self.differs)}"] if self.differs else []
        return f"{self.key} ({self.values[0]} against {self.values[1]}): {'; '.join(parts)}"


def shared_networks(points: Sequence[Point], scenarios: Sequence[ScenarioBase]) -> list[SharedNetwork]:
    """Compares the networks of two points for every key that varies, the others being equal if they can be."""
    first = points[0].settings
    found, drawn = [], dict[int, Arrays]()
    for key, value in first.items():
        others = [i for i, point in enumerate(points) if point.settings[key] != value]
        if not others:
            continue
        other = min(others, key=lambda i: (_apart(first, points[i].settings), -i))
        for i in (0, other):
            drawn[i] = drawn[i] if i in drawn else _drawn(scenarios[i])
        values = (value_text(value), value_text(points[other].settings[key]))
        found.append(_compared(key, values, drawn[0], drawn[other]))
    return found


def network_of_both(one: ScenarioBase, other: ScenarioBase) -> SharedNetwork:
    """Compares the networks of two scenarios of the same drops."""
    return _compared("the two scenarios", ("the first", "the second"), _drawn(one), _drawn(other))


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    return sum(one[key] != other[key] for key in one)


def _drawn(scenario: ScenarioBase) -> Arrays:
    """Builds drop 0 and collects what was drawn of it."""
    family = families.find(scenario.family)
    scenario = next(iter(variants(scenario).values()))
    dtype = torch.float64 if scenario.dtype == "float64" else torch.float32
    problem = family.build(scenario, Drops(scenario.seed, (0,)), torch.device("cpu"), dtype)
    state = problem.start()
    found = dict(_arrays({"problem": problem, "state": state}, "", set()))
    named = {path: array for path, array in found.items() if path.rpartition(".")[2] in _NAMES}
    return named or {path: array for path, array in found.items() if path.startswith(".state")}


def _compared(key: str, values: tuple[str, str], one: Arrays, other: Arrays) -> SharedNetwork:
    """Sorts the arrays of two networks by whether they are the same; of several with a name the worst counts."""
    worst: dict[str, int] = {}
    for path in {**one, **other}:
        leaf = path.rpartition(".")[2]
        name = _NAMES.get(leaf, leaf)
        how = _likeness(one[path], other[path]) if path in one and path in other else 2
        worst[name] = max(how, worst.get(name, 0))
    sorted_ = [tuple(name for name, how in worst.items() if how == wanted) for wanted in range(3)]
    return SharedNetwork(key, values, sorted_[0], sorted_[1], sorted_[2])


def _likeness(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    """Returns 0 where two arrays are the same, 1 where they are as far as both reach along one axis, 2 otherwise."""
    if one.ndim != other.ndim or sum(a != b for a, b in zip(one.shape, other.shape, strict=True)) > 1:
        return 2
    common = tuple(slice(min(a, b)) for a, b in zip(one.shape, other.shape, strict=True))
    if not np.array_equal(one[common], other[common], equal_nan=one.dtype.kind in "fc"):
        return 2
    return 0 if one.shape == other.shape else 1


def _arrays(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yields every array that a value of fairwave's or a family's own classes holds, with its path."""
    if isinstance(value, torch.Tensor):
        yield path, value.detach().cpu().numpy()
    elif isinstance(value, np.ndarray):
        yield path, value
    elif id(value) not in seen and path.count(".") < _DEEPEST:
        seen.add(id(value))
        for name, inner in _parts(value).items():
            yield from _arrays(inner, f"{path}.{name}", seen)


def _parts(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return {str(key): inner for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return {str(i): inner for i, inner in enumerate(value)}
    known = is_dataclass(value) or type(value).__module__.partition(".")[0] in ("phy", "mac", "scenarios")
    return vars(value) if known and hasattr(value, "__dict__") and not isinstance(value, type) else {}
