"""Offers every family as an environment for learners; importing this registers them with Gymnasium.

``gymnasium.make("scenarios.envs:fairwave/NAME-v0")``, or ``make_vec`` with ``num_envs``; NAME is that of a family.

| module | answers |
|---|---|
| ``task`` | what is the scenario, what do agents see and do, what are they rewarded for |
| ``choice``, ``metric_reward`` | which features, actions and rewards are there by name |
| ``training_drops``, ``drop_pool`` | which networks do learners meet, and when are they drawn |
| ``episodes`` | what happens in a batch of environments |
| ``spaces``, ``reset_options`` | what may be given, and in what form does it come back |
| ``gymnasium_env``, ``gymnasium_vector`` | Gymnasium, one environment and a batch |
| ``pettingzoo_env`` | PettingZoo, one environment with its agents |
| ``torchrl_env`` | TorchRL, a batch with its agents |
| ``sb3_vec_env`` | Stable-Baselines3, a batch |
"""

from __future__ import annotations

import gymnasium

from .. import families
from .task import id_of

_ADAPTER, _VECTOR = "scenarios.envs.gymnasium_env:GymnasiumEnv", "scenarios.envs.gymnasium_vector:GymnasiumVectorEnv"


def _register() -> None:
    """Registers an environment for each family; one of a family that has none says so when it is made."""
    for family in families.names():
        if id_of(family) not in gymnasium.registry:
            gymnasium.register(id_of(family), _ADAPTER, vector_entry_point=_VECTOR, kwargs={"family": family})


_register()
