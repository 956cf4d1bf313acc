"""Times the system-level channel of cu3gppchan (PyPI, Apache-2.0) on 57 cells and 570 UEs: drawing, and one TTI.

Written by the documentation of its 0.1.3, and never run by us: neither a GPU nor cupy was at hand. What it computes is
CDL fading after TR 38.901 on groups of PRBs, for every UE and every cell, as W3 of ``fairwave bench`` does.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from typing import Any

from .options import Options, Row

SITES, SECTORS, USERS, PRBS = 19, 3, 570, 100
_TTI_S = 1e-3
_TTIS = 20


def rows(options: Options) -> Iterator[Row]:
    """Measures where cupy and cu3gppchan are installed, and says so where they are not."""
    row: Row = {"network": f"{SITES * SECTORS} cells x {USERS} UEs"}
    missing = [name for name in ("cupy", "cu3gppchan") if importlib.util.find_spec(name) is None]
    if missing or options.tiny:
        why = f"not installed: {', '.join(missing)}" if missing else "it needs a GPU"
        yield {**row, "note": f"left out ({why})"}
        return
    yield {**row, **_measured()}


def _measured() -> Row:
    import cupy

    began = time.perf_counter()
    channel = _channel()
    cells, users = list(range(SITES * SECTORS)), list(range(USERS))
    every = {"active_cell": cells, "active_ut": [users for _ in cells]}
    channel.run(ref_time=0.0, **every)
    cupy.cuda.runtime.deviceSynchronize()
    drawn = time.perf_counter()
    for number in range(1, _TTIS + 1):
        channel.run(ref_time=number * _TTI_S, continuous_fading=1, **every)
    cupy.cuda.runtime.deviceSynchronize()
    return {
        "drawing_s": round(drawn - began, 4),
        "tti_s": round((time.perf_counter() - drawn) / _TTIS, 6),
    }


def _channel() -> Any:
    """Builds the channel: UMa at 3.5 GHz, UEs outdoors, a response for each PRB, kept in its own memory."""
    import cu3gppchan

    simulation = cu3gppchan.SimConfig(
        center_freq_hz=3.5e9,
        bandwidth_hz=20e6,
        sc_spacing_hz=15e3,
        fft_size=2048,
        n_prb=PRBS,
        n_prbg=PRBS,
        run_mode=1,
        internal_memory_mode=2,
    )
    system = cu3gppchan.SystemLevelConfig(
        scenario=cu3gppchan.Scenario.UMa,
        n_site=SITES,
        n_sector_per_site=SECTORS,
        n_ut=USERS,
        force_indoor_ratio=0.0,
    )
    return cu3gppchan.StatisticalChannel(
        sim_config=simulation,
        system_level_config=system,
        link_level_config=cu3gppchan.LinkLevelConfig(fast_fading_type=2),
        external_config=cu3gppchan.ExternalConfig(),
        rand_seed=1,
    )
