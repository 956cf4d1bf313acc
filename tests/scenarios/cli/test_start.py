"""What a command imports: help and lists wait for no large package."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_needs_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from scenarios.cli.main import main
sys.argv = ["fairwave", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code
heavy = {{"torch", "sionna", "pandas", "xarray", "scipy", "matplotlib", "numpy"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_list_does_not_wait_for_torch() -> None:
    code = """
import sys
from scenarios.cli.main import main
sys.argv = ["fairwave", "list", "--json"]
try:
    main()
except SystemExit as end:
    assert not end.code
heavy = {"torch", "pandas", "xarray", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
