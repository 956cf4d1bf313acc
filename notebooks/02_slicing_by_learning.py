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
# # Slicing by learning
#
# `pip install 'fairwave[rl]'`, and from there to a paired interval in some thirty lines: PPO of Stable-Baselines3 learns to
# divide the PRBs of a cell among three slices, and then meets the rules on networks that it never saw.
#
# ## Train
#
# An environment is a preset, a step is a decision of 250 ms, an episode is 24 of them on a network of its own. The reward is
# the share of UEs whose promise was kept. Training draws its networks from numbers that no run has.

# %%
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from scenarios import run
from scenarios.envs.sb3_vec_env import Sb3VecEnv
from scenarios.policies.saving import save_policy

steps, envs, drops = 9216, 32, 16
env = VecMonitor(Sb3VecEnv("slicing", num_envs=envs, scenario="slicing-quickstart"))
learner = PPO("MlpPolicy", env, n_steps=24, batch_size=64, learning_rate=1e-3, gamma=0.9, seed=1, device="cpu")
returns = []
while learner.num_timesteps < steps:
    learner.learn(24 * envs, reset_num_timesteps=False)
    returns.append(np.mean([episode["r"] for episode in learner.ep_info_buffer]))

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
axes.plot(24 * envs * np.arange(1, len(returns) + 1), np.array(returns) / 24, marker=".")
axes.set(xlabel="steps of training", ylabel="mean reward of 100 episodes")
plt.show()

# %% [markdown]
# ## Compare
#
# The policy's file tells what it observes and decides, so its name stands where that of an allocator does. All four meet the
# same 16 drops.

# %%
save_policy("policy.pt", env, learner)
rules = ["tractor_expert", "demand_proportional", "max_weight"]
result = run("slicing-quickstart", {**{rule: rule for rule in rules}, "ppo": "torch:policy.pt"}, drops=drops, plots=False)
result.table()

# %%
for rule in rules:
    row = result.compare("satisfaction", "ppo", rule)
    low, high = row["ci95_low"], row["ci95_high"]
    says = "cannot be told from 0" if low <= 0 <= high else "better" if low > 0 else "worse"
    print(f"ppo - {rule}, satisfaction: {row['mean_difference']:+.3f} [{low:+.3f}, {high:+.3f}]: {says}")

# %% [markdown]
# Where the differences come from, slice by slice, and the quotas that PPO chose:

# %%
groups = result.metrics[result.metrics["metric"].str.startswith("satisfaction/")]
groups.pivot(index="metric", columns="allocator", values="mean")[result.allocators].round(3)

# %%
result.plot("quotas")

# %% [markdown]
# In two or three minutes of processor time PPO has learned quotas that follow the traffic a little, with more for URLLC than
# the expert gives. It is better than `demand_proportional`. Its differences to the expert and to `max_weight` cannot be told
# from 0 over these drops: 16 were chosen beforehand, and a longer training is a new question, to be asked on other drops
# (`seed=2`). `fairwave train slicing-quickstart --algorithm ppo` does all of this in one command, with checkpoints.
