"""Provides functions of float32 for compiled loops that run on vectors: no calls, no branches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.core.extending import intrinsic

from .jit import inlined

_TO_INTEGER = np.float32(12582912.0)  # 1.5 * 2**23: added to a float32 and taken away again, it rounds half to even
_S = tuple(np.float32((-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1)) for k in range(7))
_E = tuple(np.float32(math.log(2.0) ** k / math.factorial(k)) for k in range(8))
_S0, _S1, _S2, _S3, _S4, _S5, _S6 = _S
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7 = _E
_BIAS = np.int32(127)


def _as_float32(_context: Any, value: Any) -> Any:
    """Reads the 32 bits of an integer as a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


_float32: Any = intrinsic(_as_float32)


@inlined
def rounded(number: Any) -> Any:
    """Rounds a float32 of less than 2**22 to the nearest integer, halves to even."""
    return (number + _TO_INTEGER) - _TO_INTEGER


@inlined
def sine_of_half_turns(x: Any) -> Any:
    """Computes ``sin(pi x)`` of a float32 between -1/2 and 1/2, within 2e-7 of its size."""
    y = x * x
    return x * (_S0 + y * (_S1 + y * (_S2 + y * (_S3 + y * (_S4 + y * (_S5 + y * _S6))))))


@inlined
def power_of_two(x: Any) -> Any:
    """Computes ``2 ** x`` of a float32 between -126 and 127, within 3e-7 of its size."""
    whole = rounded(x)
    y = x - whole
    part = _E0 + y * (_E1 + y * (_E2 + y * (_E3 + y * (_E4 + y * (_E5 + y * (_E6 + y * _E7))))))
    return part * _float32(np.int32((np.int32(whole) + _BIAS) << np.int32(23)))
