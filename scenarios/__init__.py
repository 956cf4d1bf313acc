"""Runs scenarios and keeps their results. From Python: ``from scenarios import load, run``.

| package | answers |
|---|---|
| ``families`` | which problems are there, and what belongs to each |
| ``config`` | what does a scenario file say |
| ``running`` | how is it run |
| ``results`` | what came out |
| ``campaigns`` | what came out at many points |
| ``exports`` | how do other programs get it |
| ``plots``, ``report`` | what does it look like |
| ``bench`` | how fast is it |
| ``calibration`` | does the channel agree with 3GPP's |
| ``cli`` | the command ``fairwave`` |
| ``presets`` | scenarios by name |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .campaigns.load_sweep import Sweep, load_sweep
    from .campaigns.sweep import sweep
    from .campaigns.tuning import tune
    from .config.loading import load
    from .errors import ScenarioError
    from .exports.collect import collect
    from .exports.experience_file import save_experience
    from .exports.table_files import export_run
    from .results.result import Result
    from .running.run import run

__all__ = [
    "Result",
    "ScenarioError",
    "Sweep",
    "collect",
    "export_run",
    "load",
    "load_sweep",
    "run",
    "save_experience",
    "sweep",
    "tune",
]

_HOMES = {
    "load": "config.loading",
    "run": "running.run",
    "sweep": "campaigns.sweep",
    "load_sweep": "campaigns.load_sweep",
    "collect": "exports.collect",
    "export_run": "exports.table_files",
    "save_experience": "exports.experience_file",
    "tune": "campaigns.tuning",
    "Result": "results.result",
    "Sweep": "campaigns.load_sweep",
    "ScenarioError": "errors",
}


def __getattr__(name: str) -> Any:
    """Imports on first use: the command line must answer ``--help`` without waiting for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
