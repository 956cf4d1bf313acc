"""What the command line does with closed, full and plain standard streams."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from scenarios.cli.stdio import warnings_in_one_line
from scenarios.config import yaml12

Toy = dict[str, Any]

_CODE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2] / "support")!r})
from scenarios import families
families.FAMILIES["toy"] = "toy_family:FAMILY"
from scenarios.cli.main import main
main()
"""
_NO_PLOTS = """
import sys, types
sys.modules["scenarios.plots.figures"] = types.SimpleNamespace(save_plots=lambda *_: [])
"""


def shell(
    redirection: str, *arguments: str, plots: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command in a shell that redirects or closes its streams."""
    code = _CODE if plots else _NO_PLOTS + _CODE
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", code, *arguments]
    known = {"LC_ALL": "C.UTF-8", **os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=known)


@pytest.fixture
def toy_file(toy: Toy) -> str:
    Path("toy.yaml").write_text(yaml12.dump({**toy, "drops": 1}))
    return "toy.yaml"


def test_a_run_without_streams_leaves_its_results(toy_file: str) -> None:
    assert shell("2>&- >&- <&-", "run", toy_file, "--out", "out", plots=True).returncode == 0
    assert Path("out/meta.json").is_file() and Path("out/plots/rate_cdf.svg").is_file()


def test_a_document_needs_a_stdout(toy_file: str) -> None:
    done = shell(">&-", "run", toy_file, "--out", "out", "--json")
    assert done.returncode == 2
    assert done.stderr == "error: --json prints a document on stdout, which is closed; open it, or leave --json out\n"
    assert not Path("out").exists()
    without_stderr = shell("2>&-", "run", toy_file, "--out", "out", "--json")
    assert without_stderr.returncode == 0 and without_stderr.stdout.startswith("{")
    assert Path("out/meta.json").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_stdout_is_named_and_the_results_are_kept(toy_file: str) -> None:
    done = shell(">/dev/full", "run", toy_file, "--out", "out", "--json")
    assert done.returncode == 2
    assert done.stderr == "error: stdout: No space left on device; the results are whole in out\n"
    done = shell(">/dev/full", "--help")
    assert (done.returncode, done.stderr) == (2, "error: stdout: No space left on device\n")
    assert shell("2>/dev/full", "validate", "nowhere.yaml").returncode == 2


def test_a_locale_without_utf_8_changes_no_result_into_an_error(toy_file: str) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = shell("", "run", toy_file, "--out", "out", "--set", "name=ok", "--drops", "2", **plain)
    assert done.returncode == 0, done.stderr
    assert "+- 95 % interval" in done.stdout and done.stdout.isascii()
    assert "uJ/bit" in shell("", "list", "metrics", **plain).stdout


def test_a_current_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    command = ["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh", sys.executable, "-c", _CODE]
    done = subprocess.run([*command, "validate", "slicing-quickstart"], cwd=tmp_path, capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.endswith("error: the current folder is no longer there; change to another one\n")


def test_a_warning_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings_in_one_line():
        for number in (1, 2, 1):
            warnings.warn(f"group {number} stands still", stacklevel=1)
    assert capsys.readouterr().err.splitlines() == ["warning: group 1 stands still", "warning: group 2 stands still"]
