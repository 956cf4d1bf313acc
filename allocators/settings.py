"""How allocators declare their parameters: dataclass fields, typed and ranged, closed to unknown names."""

from __future__ import annotations

from pydantic import ConfigDict

PARAMETERS = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
"""Configuration of every allocator of fairwave, used as ``@pydantic.dataclasses.dataclass(config=PARAMETERS)``.

An allocator is not frozen, because it remembers things from one decision to the next; those are set in ``reset`` and
are not fields.
"""
