"""Rivals of TorchRL are written as the policies that they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scenarios import load
from scenarios.policies.torch_file import read_torch

SMALL = {"duration_s": 2, "users.0.count": 4, "users.1.count": 2, "uavs.count": 2}


@pytest.mark.parametrize("method", ["mappo", "maddpg"])
def test_the_file_of_a_rival_is_the_mean_of_its_policy(method: str, tmp_path: Path) -> None:
    pytest.importorskip("torchrl", reason="the extra rl is not installed")
    from benchmarks.studies.multi_uav.rivals import train_maddpg, train_ppo

    scenario, told = load("uav-hotspot", **SMALL), []
    tell = lambda steps, mean: told.append(steps)  # noqa: E731
    rival = train_maddpg(scenario, 2, 2, tell) if method == "maddpg" else train_ppo(scenario, 2, 2, True, tell)
    rival.env.close()
    assert told == [4, 8]
    rival.save(tmp_path / "rival.pt")
    seen = torch.randn(3, 2, rival.sizes.numbers)
    expected = rival.policy(seen)[..., : rival.sizes.actions].tanh().reshape(6, -1)
    found = read_torch(tmp_path / "rival.pt", None).compute(seen.reshape(6, -1))
    assert found.detach().numpy() == pytest.approx(expected.detach().numpy(), abs=1e-5)


def test_rivals_with_a_stochastic_policy_draw_their_actions() -> None:
    pytest.importorskip("torchrl", reason="the extra rl is not installed")
    from benchmarks.studies.multi_uav.rivals import Rival, stochastic_policy

    rival = Rival(load("uav-hotspot", **SMALL), 2, outputs=2)
    data = rival.collect(stochastic_policy(rival), seed=1)
    rival.env.close()
    apart = data[rival.group, "action"] - data[rival.group, "loc"].tanh()
    assert 0.2 < float(apart.std()) < 1.0, "a normal number of deviation 1 before the tanh"
