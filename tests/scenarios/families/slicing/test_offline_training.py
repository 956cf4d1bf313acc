"""``fairwave train --method``: rounds on training drops, a policy file with provenance, and mistakes of the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from allocators.slicing.tractor.policy_file import made_from
from mac.slicing.tractor_score import score_per_report
from phy.random import Drops
from scenarios import load
from scenarios.cli.main import app
from scenarios.config.loading import scenario_hash
from scenarios.families.slicing import offline_training

SHORT = {"drops": 1, "duration_s": 0.2, "warmup_s": 0, "slicing.interval_s": 0.05}


def train(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["train", *words])
    return done.exit_code, " ".join(done.output.split())


def test_two_rounds_leave_a_policy_that_a_run_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
    true = offline_training._trial
    monkeypatch.setattr(
        offline_training, "_trial", lambda part, names, ids: seen.append((tuple(names), ids)) or true(part, names, ids)
    )
    out = tmp_path / "table.npz"
    short = [word for key, value in SHORT.items() for word in ("--set", f"{key}={value}")]
    words = ("--method", "tabular", "--rounds", "2", "--updates", "3", "--out", str(out))
    status, text = train("slicing-quickstart", *short, *words)
    assert status == 0, text
    first = 1_000_000  # no drop of a run has such a number, and no two trials share one
    assert seen == [
        (("tractor_expert", "tractor_random"), (first, first + 1)),
        (("tractor_tabular",), (first + 2,)),
    ]
    facts = made_from(out)
    trained = load("slicing-quickstart", **SHORT)
    assert facts["scenario_hash"] == scenario_hash(trained) and facts["rounds"] == 2 and facts["passes"] == 3
    assert facts["seed"] == 1 and facts["first_drop"] == first and "torch" in facts["versions"]
    assert facts["samples"] > 0 < facts["virtual"] and list(tmp_path.iterdir()) == [out]


def test_samples_hold_the_score_as_reward_and_the_quotas_as_state() -> None:
    scenario = load("slicing-quickstart", **SHORT)
    trial = offline_training._trial(scenario, {"tractor_random": {}}, (7,))
    ((samples, scores),) = offline_training.trial_samples(trial, scenario)
    score, rbg = score_per_report(trial)[0], trial["rbg"][0, :, 0].to_numpy()
    for at in range(len(samples)):
        assert samples.reward[at] == pytest.approx(score[at + 1].mean())
        assert samples.state[at].tolist() == [6, 3, 3, *rbg[at][:2]]
        assert samples.after[at, 3:].tolist() == rbg[at + 1][:2].tolist()
    assert scores.score[0].tolist() == pytest.approx([score[0][:6].mean(), score[0][6:9].mean(), score[0][9:].mean()])
    assert torch.equal(scores.rbg, torch.from_numpy(rbg)) and Drops(1, (7,)).ids == tuple(trial["drop"].to_numpy())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "ppo"), "--method ppo is no way of training of the family 'slicing'; one of: dqn, tabular"),
        (("--rounds", "2"), "--rounds goes with --method"),
        (("--method", "dqn", "--episodes", "2"), "--episodes does not go with --method"),
        (("--method", "dqn", "--set", "carrier.prbs=25"), "on 9 RBGs; this training needs one slice each of"),
        (("--method", "dqn", "--set", "window_s=0.5"), "windows of 2 reports; the reward is the score of one report"),
    ],
)
def test_mistakes_get_a_sentence(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    status, text = train("slicing-quickstart", *words, "--out", str(tmp_path / "policy.npz"))
    assert status == 2 and message in text and not list(tmp_path.iterdir())


def test_a_file_of_another_kind_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "mine.npz"
    np.savez(out, a=np.zeros(3))
    before = out.read_bytes()
    status, text = train("slicing-quickstart", "--method", "dqn", "--out", str(out), "--json")
    assert status == 2 and "no earlier policy; name another file, or give --force" in text
    assert out.read_bytes() == before
