"""A training overwrites earlier checkpoints and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from allocators.wsn.q_table import QTable
from scenarios.cli.main import app

SHORT = ["--set", "duration_s=3", "--set", "field.nodes=5", "--drops", "1", "--episodes", "1"]


def train(out: Path, *arguments: str) -> Result:
    command = ["train", "wsn-field", "--allocators", "game_learning", "--out", str(out)]
    return CliRunner().invoke(app, [*command, *SHORT, *arguments])


def test_an_earlier_checkpoint_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "heads.npz"
    assert train(out).exit_code == 0
    before = out.read_bytes()
    assert train(out, "--seed", "5").exit_code == 0 and QTable.load(out)
    assert out.read_bytes() != before


@pytest.mark.parametrize("content", [b"my notes", b""])
def test_another_file_is_left_alone_unless_forced(tmp_path: Path, content: bytes) -> None:
    out = tmp_path / "notes.txt"
    out.write_bytes(content)
    told = train(out)
    assert told.exit_code == 2 and "no earlier checkpoint of this allocator" in " ".join(told.stderr.split())
    assert out.read_bytes() == content and list(tmp_path.iterdir()) == [out]
    assert train(out, "--force").exit_code == 0 and QTable.load(out)
