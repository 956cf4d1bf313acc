"""Loads the data files of the link, each with its provenance inside, as package resources.

| file | holds |
|---|---|
| ``bler.npz`` | SNR of a code block in AWGN at block error rates of 0.1 and 0.01 |
| ``mutual_information.npz`` | mutual information of modulations, for MIESM |
| ``eesm_beta.json`` | beta of each MCS, for EESM |
"""

from __future__ import annotations

import json
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray


def load_arrays(name: str) -> dict[str, NDArray[Any]]:
    """Loads the arrays of the data file ``name``.npz by name; ``provenance`` is a JSON text."""
    with np.load(BytesIO(files(__name__).joinpath(f"{name}.npz").read_bytes())) as arrays:
        return dict(arrays)


def load_json(name: str) -> dict[str, Any]:
    """Loads the data file ``name``.json; its ``provenance`` says where it is from."""
    content: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
    return content
