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
# # Which allocator serves UEs best?
#
# Three slices share one 10 MHz cell: mMTC UEs with few small packets, URLLC UEs with bursts that must be delivered
# within 20 ms, eMBB UEs that want 3 Mbit/s at least and 8 at best. Every 250 ms a *slice controller* divides the 17
# resource block groups (RBGs) of the cell among the slices. In a burst a slice needs more than its share, so some UEs have
# to wait. Which ones?
#
# This notebook compares controllers that come with fairwave, writes another one, and answers one question about it:
#
# > **Does an allocator that reacts to what waits satisfy UEs better than the expert's fixed split?**

# %% [markdown]
# ## A comparison
#
# `run` takes a preset's name (or a file, or what `load` returned) and overrides. All allocators meet the same *drops*:
# random networks with the same UEs at the same positions, the same fading and the same packets.

# %%
from scenarios import load, run

scenario = load("slicing-quickstart", drops=4, duration_s=3.0)
result = run(scenario)
result

# %% [markdown]
# Each cell of the table is a mean over drops with its 95 % interval. `metrics` holds all of them, for all UEs and for
# each group; `per_drop` has the number of every drop, `paired` the differences between allocators.

# %%
rows = result.metrics[result.metrics["metric"].str.startswith("satisfaction/")]
rows.pivot(index="metric", columns="allocator", values="mean")[result.allocators].round(3)

# %% [markdown]
# *Satisfaction* is the share of the windows of a UE in which its promise was kept. mMTC is easy to satisfy.
# `demand_proportional` serves URLLC and eMBB worst: a burst often comes when its slice has just been cut down. A dot in the
# plot is a UE in a drop.

# %%
result.plot("satisfaction")

# %% [markdown]
# The quotas show why. The first two are constant. `demand_proportional` follows the last report and is always one late;
# `max_weight` divides evenly as long as nothing waits.

# %%
result.plot("quotas")

# %% [markdown]
# ## An allocator of our own
#
# A plain class with `reset` and `decide`. This one leaves mMTC what the expert gives it, reserves for URLLC what its
# waiting and arriving bits would need in the next interval, with some headroom, and gives eMBB the rest. It observes
# reports, not the true state: what waited at the end of the last interval, and the rates that UEs reported.

# %%
from dataclasses import dataclass

import torch

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation


@dataclass
class Reserve:
    """RBGs for what URLLC seems to need, within bounds; a fixed part for mMTC; the rest for eMBB."""

    headroom: float = 1.5
    least: int = 4
    most: int = 9
    mmtc: int = 3

    def reset(self, context: SlicingContext, seed: int) -> None:
        self.rbgs = context.rbgs
        self.slots = round(context.interval_s / context.slot_s) * context.rbg_prbs  # PRBs that an RBG has in an interval
        self.place = {service: number for number, service in enumerate(context.services)}

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        carried = (observation.bits_per_prb * self.slots).clamp(min=1.0)  # bits of an RBG in an interval, [B, C, S]
        need = self.headroom * (observation.arrived_bits + observation.backlog_bits) / carried
        rbg = torch.full_like(observation.rbg, self.mmtc)
        urllc = need[..., self.place["urllc"]].ceil().clamp(self.least, self.most).long()
        rbg[..., self.place["urllc"]] = urllc
        rbg[..., self.place["embb"]] = self.rbgs - self.mmtc - urllc
        return SlicingDecision(rbg)


# %% [markdown]
# Every decision is checked: one that does not fit the carrier stops the run and names the allocator, the drop, the
# interval and the time. (`fairwave check module:Class` tries an allocator on difficult cases beforehand, networks of one
# slice or five among them. This class only knows networks with these three services.)

# %% [markdown]
# ## One question, settled beforehand
#
# The question is about `satisfaction`, mean over all UEs, `mine` less `expert`. We choose metric, opponent and
# number of drops *before* looking at results; otherwise chance would choose for us.

# %%
allocators = {"expert": "tractor_expert", "demand": "demand_proportional", "mine": Reserve()}
duel = run("slicing-quickstart", allocators, plots=False)
duel

# %% [markdown]
# The intervals of `satisfaction` overlap, but that is not the test: drops differ among each other, and all
# allocators had the same ones. The *paired* difference, drop by drop, is free of that.

# %%
import pandas as pd

metrics = ["satisfaction", "satisfaction/mmtc", "satisfaction/urllc", "satisfaction/embb"]
answer = pd.DataFrame([duel.compare(metric, "mine", "expert") for metric in metrics]).set_index("metric")
answer = answer[["mean_difference", "ci95_low", "ci95_high", "drops"]] + 0  # no -0.0
answer.round(3)

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(8, 2.4), layout="constrained")
half = answer["ci95_high"] - answer["mean_difference"]
axes.errorbar(answer["mean_difference"], range(len(answer)), xerr=half, fmt="o", capsize=4)
axes.axvline(0.0, color="0.4", lw=1)
axes.set(xlabel="mine - expert, with 95 % interval", ylim=(len(answer) - 0.5, -0.5))
axes.set_yticks(range(len(answer)), answer.index)
plt.show()


# %%
def verdict(metric: str, a: str, b: str) -> str:
    row = duel.compare(metric, a, b)
    low, high = row["ci95_low"], row["ci95_high"]
    if low == high == 0:
        return f"{a} - {b}, {metric}: the same"
    says = "cannot be told from 0" if low <= 0 <= high else "better" if low > 0 else "worse"
    return f"{a} - {b}, {metric}: {row['mean_difference']:+.3f} [{low:+.3f}, {high:+.3f}]: {says}"


print(*[verdict(metric, "mine", "expert") for metric in metrics], sep="\n")
print(*[verdict(metric, "demand", "expert") for metric in metrics], sep="\n")

# %% [markdown]
# ## What the answer means
#
# **No**: over all UEs the interval holds 0, so these drops do not show that reacting is better, nor that it is worse.
# Neither do the three groups.
#
# Reacting without a reserve is another matter: `demand` is worse than the expert over all UEs, as eMBB bursts find a slice
# that has just been cut down. What `mine` adds is a lower bound that an empty queue does not undo.
#
# Would more drops decide it? Intervals shrink with the square root of their number:

# %%
width = float(half["satisfaction"])
drops = int(answer["drops"]["satisfaction"])
print(f"{drops} drops leave +- {width:.3f}; about {drops * (width / 0.01) ** 2:.0f} would leave +- 0.010")

# %% [markdown]
# Next: other bounds (`Reserve(headroom=2.0, most=11)`), other traffic (`**{"users.urllc.count": 5}`), unused PRBs lent
# to the other slices (`**{"slicing.unused": "lent"}`). The run folder holds everything that was shown here:

# %%
print(duel.run_dir)
print(*sorted(path.name for path in duel.run_dir.iterdir()), sep="\n")
