"""Runs the tests that compare a GPU with the CPU."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from .options import Options, Row

TESTS = ("tests/project/test_cuda.py", "tests/mac/engine/backends/test_torch_compile.py")
_KINDS = ("failure", "error", "skipped")


def rows(options: Options) -> Iterator[Row]:
    """Runs each file of tests; one row a file."""
    for tests in TESTS[:1] if options.tiny else TESTS:
        yield _row(tests, max(1.0, options.left_s))


def _row(tests: str, left_s: float) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", tests]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=left_s, check=False)
        except subprocess.TimeoutExpired:
            return {"tests": tests, "note": "stopped for want of time"}
        if not report.exists():
            return {"tests": tests, "note": (ended.stdout + ended.stderr).strip()[-300:]}
        return {"tests": tests, **_counts(report)}


def _counts(report: Path) -> Row:
    """Counts the tests of a JUnit report, and names those that failed."""
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    ended = {kind: [case for case in cases if case.find(kind) is not None] for kind in _KINDS}
    failed = ended["failure"] + ended["error"]
    row: Row = {"passed": len(cases) - sum(map(len, ended.values())), "failed": len(failed)}
    row["skipped"] = len(ended["skipped"])
    if failed:
        row["note"] = ", ".join(str(case.get("name")) for case in failed)
    return row
