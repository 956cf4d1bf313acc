"""Declares the configuration of settings classes: frozen, typed, ranged, described, and closed to unknown keys."""

from __future__ import annotations

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Configuration of every settings dataclass, used as ``@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)``.

A bare string below a field is that field's description; units stand in the field's name (``isd_m``, ``carrier_hz``).
"""


PARAMETERS = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Configuration of every allocator of fairwave, used as ``@pydantic.dataclasses.dataclass(config=PARAMETERS)``.

An allocator is not frozen, because it remembers things from one decision to the next; those are set in ``reset`` and
are not fields.
"""
