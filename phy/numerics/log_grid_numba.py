"""Provides the log grid of :mod:`phy.numerics.log_grid` for compiled loops."""

from __future__ import annotations

from typing import Any

import numba
from numba import types
from numba.core.extending import intrinsic

from . import log_grid
from .jit import inlined

_SHIFT, _BASE, _LAST = log_grid.SHIFT, log_grid.BASE, log_grid.SIZE - 1


def _as_integer(_context: Any, value: Any) -> Any:
    """Reads the 32 bits of a float32 as an integer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int32))

    return types.int32(types.float32), generate


_bits: Any = intrinsic(_as_integer)


@inlined
def grid_index(power: Any) -> Any:
    """Computes :func:`phy.numerics.log_grid.index` of one number."""
    index = (_bits(numba.float32(power)) >> _SHIFT) - _BASE
    return min(max(index, 0), _LAST)
