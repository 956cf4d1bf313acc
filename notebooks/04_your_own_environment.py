# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own environment
#
# Every family that can be learned is an environment for learners. This notebook makes one that fairwave does not have: its
# own scenario file, its own feature, its own reward. Then it trains a policy and compares it with rules, on networks that
# the training never had.
#
# `pip install 'fairwave[rl]'` brings the learner.
#
# ## A scenario file
#
# A concert in a park: most people stand in two crowds, somewhere else in every drop, and two flying base stations start at
# a corner.

# %%
from pathlib import Path

_ = Path("concert.yaml").write_text("""\
family: uav
drops: 16
duration_s: 60
area: {x_m: 1200, y_m: 1200, min_height_m: 60, max_height_m: 60}
uavs: {count: 2, start: corner, start_height_m: 60}
channel: {environment: urban}
users:
  - {name: crowds, count: 20, placement: hotspots, hotspots: 2, hotspot_radius_m: 60, sla: {rate_bps: 500e3}}
  - {name: others, count: 5, sla: {rate_bps: 500e3}}
allocators: [static_grid, random_walk, kmeans_placement]
headline: [satisfaction, rate_p5, rate_mean]
""")

# %% [markdown]
# ## A feature and a reward
#
# What is there by name (also `fairwave list features`, `actions`, `rewards`):

# %%
import pandas as pd

from scenarios import families
from scenarios.envs.choice import environment_of

known = environment_of(families.find("uav"))
pd.DataFrame([(name, one.unit, one.description) for name, one in known.features.items()], columns=["feature", "unit", "is"])

# %% [markdown]
# A feature is a function of what an allocator observes to `[drops, agents, numbers]`; a reward is a function of an
# interval's outcome to `[drops]`. They stand in a file, so that a trained policy can name them when it runs later.

# %%
_ = Path("concert.py").write_text('''\
"""A feature and a reward of our own."""

import torch


def unserved(observation, context):
    """Points from each UAV to the middle of the users that have had less than 500 kbit/s, over the area; 0 without any."""
    poor = (observation.mean_rate_bps < 500e3).to(observation.user_m.dtype)[:, :, None]
    middle = (poor * observation.user_m[..., :2]).sum(1) / poor.sum(1).clamp(min=1)
    way = (middle[:, None] - observation.position_m[..., :2]) / torch.tensor(context.area_m[:2])
    return way * (poor.sum(1) > 0)[:, None]


def promise(outcome, scene):
    """Returns the share of users that were served the promised rate in this second."""
    rate_bps = outcome.served_bits / scene.interval_s
    return (rate_bps >= scene.label("sla_rate_bps")).double().mean(1)
''')

# %% [markdown]
# ## The environment
#
# `scenario` is the file, `features` mixes names with ours. Gymnasium's own checker finds nothing to complain about.

# %%
import gymnasium
from gymnasium.utils.env_checker import check_env

own = {
    "scenario": "concert.yaml",
    "features": ["position", "velocity", "nearest", "centre", "concert:unserved"],
    "reward": "concert:promise",
}
env = gymnasium.make("scenarios.envs:fairwave/Uav-v0", **own)
check_env(env.unwrapped)
observation, info = env.reset(seed=1)
print(env.observation_space.shape, env.action_space.shape)
print(env.step(env.action_space.sample())[1:4])

# %% [markdown]
# ## Training
#
# 64 environments at once, each on networks of its own. The curve is a mean over the last hundred episodes.

# %%
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from scenarios.envs.sb3_vec_env import Sb3VecEnv

steps, envs, length = 76_800, 64, 60
many = VecMonitor(Sb3VecEnv("uav", num_envs=envs, **own))
learner = PPO("MlpPolicy", many, n_steps=length, batch_size=256, gamma=0.95, seed=1, device="cpu")
returns = []
while learner.num_timesteps < steps:
    learner.learn(length * envs, reset_num_timesteps=False)
    returns.append(np.mean([episode["r"] for episode in learner.ep_info_buffer]))

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(length * envs * np.arange(1, len(returns) + 1), np.array(returns) / length)
axes.set(xlabel="steps of training", ylabel="mean reward of an episode")
plt.show()

# %% [markdown]
# ## The policy among the rules
#
# The policy's file tells features and actions, so its name is enough. All four meet the same 16 drops.

# %%
from scenarios import run
from scenarios.policies.saving import save_policy

save_policy("concert.pt", many, learner)
rules = ["static_grid", "random_walk", "kmeans_placement"]
result = run("concert.yaml", {**{rule: rule for rule in rules}, "learned": "torch:concert.pt"}, plots=False)
result.table().iloc[:, :4]

# %%
for rule in rules:
    row = result.compare("satisfaction", "learned", rule)
    low, high = row["ci95_low"], row["ci95_high"]
    says = "cannot be told from 0" if low <= 0 <= high else "better" if low > 0 else "worse"
    print(f"learned - {rule}, satisfaction: {row['mean_difference']:+.3f} [{low:+.3f}, {high:+.3f}]: {says}")

# %%
result.plot("trajectories", allocators=("kmeans_placement", "learned"))

# %% [markdown]
# The policy keeps the promise in nearly every window, better than all three rules, and the picture shows how: one UAV stays in
# its corner, so that the other serves all users without interference. The price stands in the table: the mean rate is a third
# below that of k-means. The reward asked for the promise and for nothing else; `"reward": "log_rate"` would ask for another
# policy.
