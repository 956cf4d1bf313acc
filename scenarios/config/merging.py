"""Merges one set of settings into another: mappings deeply, lists as a whole or item by item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ScenarioError, did_you_mean, shown

Path = tuple[str, ...]
TagAt = Callable[[Path], str | None]
"""The key that says which type of settings stands at a path (``model`` of a user group's traffic), if there is one."""

_DEEPEST = 50  # dots of a key


def merge(base: Any, over: Any, tag_at: TagAt = lambda path: None, path: Path = ()) -> Any:
    """Merges ``over`` into ``base``; neither is changed.

    - Mapping on mapping: key by key, deeply. Where they hold settings of different types (the tag differs), ``over``
      replaces ``base``: the keys of one type mean nothing to the other.
    - Mapping on list: each key picks an item, by its index or by the ``name`` that the item carries, and overrides it.
    - Anything else replaces.

    Dotted keys of ``over`` are unfolded first.
    """
    over = expand(over)
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        tag = tag_at(path)
        if tag is not None and tag in over and over[tag] != base.get(tag):
            return over
        return _merge_mappings(base, over, tag_at, path)
    if isinstance(base, list) and isinstance(over, Mapping) and over:
        return _merge_items(base, over, tag_at, path)
    return over


def expand(over: Any, path: Path = ()) -> Any:
    """Expands dotted keys: ``{"users.0.count": 3}`` becomes ``{"users": {"0": {"count": 3}}}``.

    Raises:
        ScenarioError: a setting is given twice, for example by a dotted key and within its section.
    """
    if not isinstance(over, Mapping):
        return over
    nested: dict[str, Any] = {}
    for dotted, value in over.items():
        if str(dotted).count(".") > _DEEPEST:
            raise ScenarioError(f"the key '{str(dotted)[:40]}...' has more than {_DEEPEST} dots")
        first, _, rest = str(dotted).partition(".")
        here = (*path, first)
        inner = expand({rest: value} if rest else value, here)
        nested[first] = _union(nested[first], inner, here) if first in nested else inner
    return nested


def _union(one: Any, other: Any, path: Path) -> Any:
    """Joins what two keys of one source say."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        raise ScenarioError(
            f"'{'.'.join(path)}' is given twice here, as {shown(one)} and as {shown(other)}: "
            "by a dotted key and in its section, or by the name and by the place of an item; leave one of them out"
        )
    both = dict(one)
    for key, value in other.items():
        both[key] = _union(both[key], value, (*path, key)) if key in both else value
    return both


def _merge_mappings(base: Mapping[str, Any], over: Mapping[str, Any], tag_at: TagAt, path: Path) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        merged[key] = merge(base[key], value, tag_at, (*path, key)) if key in base else value
    return merged


def _merge_items(base: list[Any], over: Mapping[str, Any], tag_at: TagAt, path: Path) -> list[Any]:
    merged = list(base)
    names = {str(item["name"]): i for i, item in enumerate(base) if isinstance(item, Mapping) and "name" in item}
    items: dict[int, Any] = {}
    for key, value in over.items():
        index = names.get(key, int(key) if key.isdecimal() else -1)
        if not 0 <= index < len(base):
            options = did_you_mean(key, names) or f" in this list of {len(base)}"
            raise ScenarioError(f"'{'.'.join((*path, key))}': there is no such item{options}")
        items[index] = _union(items[index], value, (*path, key)) if index in items else value
    for index, value in items.items():
        merged[index] = merge(base[index], value, tag_at, (*path, str(index)))
    return merged
