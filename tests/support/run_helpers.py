"""What tests of runs share."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

import scenarios
from scenarios.errors import ScenarioError

Toy = dict[str, Any]

run = functools.partial(scenarios.run, plots=False)


def files(folder: Path) -> set[str]:
    """All files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def refused(*args: Any, **kwargs: Any) -> str:
    """What is said of a run that is refused."""
    with pytest.raises(ScenarioError) as caught:
        run(*args, **kwargs)
    return str(caught.value)
