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
# # Write an allocator
#
# A scheduler decides in every slot which UE gets which PRB. *Max rate* gives a PRB to the UE that can carry most on it;
# *proportional fair* divides that rate by what the UE has had on average. Between them, and beyond, lies a family of
# schedulers with one number, the exponent of that average. This notebook writes it, checks it, sees it fail once, and
# compares it with its neighbours.
#
# ## A small cell
#
# One cell, twelve UEs that always have something to receive. `extends` takes the rest from a preset.

# %%
from scenarios import load, run

users, drops, duration_s = 12, 8, 1.0
cell = load(
    {
        "extends": "scheduling-macro",
        "name": "one-cell",
        "drops": drops,
        "duration_s": duration_s,
        "warmup_s": 0.2,
        "topology": {"layout": "single", "sectors": 1},
        "carrier": {"prbs": 25},
        "users": [{"name": "all", "count": users, "traffic": {"model": "full_buffer"}}],
        "headline": ["rate_mean", "rate_p5", "jain_rate"],
    }
)
cell.family, cell.allocators[0].name, cell.duration_s

# %% [markdown]
# ## The allocator
#
# A plain class: nothing to inherit, nothing to register. `reset` is told what stays the same and forgets everything;
# `decide` gets what a base station knows in a slot, for all drops of a batch at once, and returns the decision.
# `assign` turns a metric of each UE and PRB into PRBs, `ServedAverage` remembers the average of what was served, and
# `TieBreaker` orders UEs at random in every slot: a report is one of few CQIs, so that several UEs often have the greatest
# rate, and the first in the list would get everything.
#
# With $r_{u,k}$ the rate of UE $u$ on PRB $k$ and $R_u$ its average, PRB $k$ goes to the UE of greatest
# $r_{u,k} / R_u^{\alpha}$: the gradient rule for $\alpha$-fairness (Mo and Walrand, 2000).

# %%
from dataclasses import dataclass

from allocators.scheduling.assign import assign
from allocators.scheduling.served_average import ServedAverage
from allocators.scheduling.slice_groups import TieBreaker
from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation


@dataclass
class AlphaFair:
    """Gives each PRB to the UE with the greatest rate over its average served rate to the power of alpha."""

    alpha: float = 1.0
    time_constant_s: float = 0.1

    def reset(self, context: SchedulingContext, seed: int) -> None:
        self.average = ServedAverage(context, self.time_constant_s)
        self.saturated, self.ties = context.saturated, TieBreaker(context)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        weight = self.average.weight(observation).to(observation.rate_bits.dtype) ** self.alpha
        return assign(observation.rate_bits, self.ties.reorder(observation), saturated=self.saturated, weight=weight)


# %% [markdown]
# ## Does it keep the contract?
#
# `check_allocator` tries it on the difficult cases of its family, which it finds by the annotation of `decide`; for a class
# in a file, `fairwave check module:AlphaFair` does the same.

# %%
from allocators.contract.check import check_allocator

report = check_allocator(AlphaFair(alpha=2.0))
print(report)

# %% [markdown]
# ## What a mistake looks like
#
# A decision is never trusted. UEs are counted from 0; a scheduler that counts them from 1 gives PRBs to a UE that is not
# there, and the run ends with a sentence that names allocator, mistake, drop and time.

# %%
import torch

from mac.core.contracts import AllocatorError


@dataclass
class OffByOne(AlphaFair):
    """Counts UEs from 1."""

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        return SchedulingDecision(super().decide(observation).user + 1)


try:
    run(cell, {"wrong": OffByOne()}, plots=False)
except AllocatorError as error:
    print(error)

# %% [markdown]
# ## Known ends
#
# With $\alpha = 0$ this is max rate in every decision. All allocators meet the same networks, so that paired difference must
# be 0 in every drop. With $\alpha = 1$ it is proportional fair but for ties, which that leaves to the order of UEs.

# %%
import pandas as pd

alphas = [0.0, 0.5, 1.0, 2.0, 4.0]
mine = {f"alpha_{alpha:g}": AlphaFair(alpha) for alpha in alphas}
result = run(cell, {"max_rate": "max_rate", "proportional_fair": "proportional_fair", **mine}, plots=False)
pairs = [("alpha_0", "max_rate"), ("alpha_1", "proportional_fair")]
ends = pd.DataFrame([result.compare("rate_mean", *pair) for pair in pairs]).set_index(["a", "b"])
ends[["mean_difference", "ci95_low", "ci95_high", "drops"]]

# %% [markdown]
# ## What fairness costs
#
# Each point is an allocator: the mean rate of all UEs against that of the worst twentieth, with 95 % intervals over drops.

# %%
import matplotlib.pyplot as plt

table = result.metrics.set_index(["metric", "allocator"])
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for label in mine:
    x, y = table.loc[("rate_mean", label)], table.loc[("rate_p5", label)]
    bars = {"xerr": (x["ci95_high"] - x["ci95_low"]) / 2, "yerr": (y["ci95_high"] - y["ci95_low"]) / 2}
    axes.errorbar(x["mean"], y["mean"], fmt="o", capsize=3, label=label, **bars)
axes.set(xlabel="mean rate of a UE [Mbit/s]", ylabel="5th percentile of rates [Mbit/s]")
axes.legend()
plt.show()

# %% [markdown]
# The intervals are wide because drops differ among each other: in some no UE is far from the site. The question is of
# *pairs* on the same drop: what does the next $\alpha$ change?


# %%
def step(metric: str, a: str, b: str) -> str:
    row = result.compare(metric, a, b)
    low, high = row["ci95_low"], row["ci95_high"]
    says = "cannot be told from 0" if low <= 0 <= high else "more" if low > 0 else "less"
    return f"{a} - {b}, {metric}: {row['mean_difference']:+.3f} [{low:+.3f}, {high:+.3f}] Mbit/s: {says}"


labels = list(mine)
for metric in ("rate_mean", "rate_p5"):
    print(*[step(metric, b, a) for a, b in zip(labels, labels[1:])], sep="\n")

# %% [markdown]
# Every step takes from the mean and gives to the worst twentieth. The gain gets smaller from step to step, the price does
# not. The distribution over all UEs shows which of them pay:

# %%
result.plot("rate_cdf")

# %% [markdown]
# ## Keep it
#
# In a file `alpha_fair.py` the class has a name wherever the name of an allocator stands, with its parameters:
#
# ```yaml
# allocators:
#   - proportional_fair
#   - {name: "alpha_fair:AlphaFair", label: fairer, params: {alpha: 2.0}}
# ```
#
# Next: `docs/extend/allocator.md` says what else holds for plug-ins, and what a decision costs.
