"""Declares the settings of the market of CoMP clusters."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from ..carrier import slots_of_interval
from ..engine.coordination import CoordinationSettings
from ..market import Utility
from ..slicing.settings import SliceRules


@dataclass(frozen=True, config=STRICT)
class CompSettings(CoordinationSettings):
    """Sets what cells coordinate, when UEs buy, and what cells sell."""

    interval_s: float = Field(default=0.05, gt=0, le=60)
    """Time between two markets."""
    outage_db: float = Field(default=0.0, ge=-30, le=30)
    """Mean SINR of the serving link, all cells at full load, below which a UE is in outage. A UE in outage with data
    waiting buys; so does one whose handover interrupts its service."""
    most_sold: float = Field(default=0.5, gt=0, le=1)
    """Share of its PRBs that a cell sells at most."""
    own_value: float = Field(default=0.5, ge=0, le=1e6)
    """Money that the PRBs of an interval are worth to each UE of the seller that has data waiting, from which its
    reserve price follows; 0: no reserve prices."""
    utility: Literal["linear", "log", "ces", "quasilinear"] = "linear"
    """Utility of the rates that a UE buys: sum a x, sum a log x, (sum a x^rho)^(1/rho), sum a x and the money kept."""
    rho: float = Field(default=0.5, ge=-100, lt=1)
    """Exponent of `ces`, not 0."""
    scheduler: str = "proportional_fair"
    """Scheduler of the PRBs that are not sold: a scheduling allocator's name or module:Class."""
    scheduler_params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters."""

    def __post_init__(self) -> None:
        if self.utility == "ces" and self.rho == 0.0:
            raise ValueError("rho of utility ces must not be 0; use utility log instead")

    @property
    def kind(self) -> Utility:
        """Returns the utility."""
        return Utility(self.utility, self.rho if self.utility == "ces" else 1.0)

    def sold_prbs(self, prbs: int) -> int:
        """Returns the PRBs that a cell sells at most; none in mode none.

        Raises:
            ValueError: not one PRB is to spare.
        """
        if self.mode == "none":
            return 0
        found = int(self.most_sold * prbs + 1e-9)
        if found < 1:
            raise ValueError(
                f"comp.most_sold is {self.most_sold:g}, and of {prbs} PRBs that is less than one: no cell has a PRB to "
                f"sell; use {1.0 / prbs:.3g} or more, or comp.mode: none"
            )
        return found

    def slots(self, slot_s: float) -> int:
        """Returns the number of slots of ``slot_s`` seconds from one market to the next.

        Raises:
            ValueError: it is no whole number.
        """
        return slots_of_interval(self.interval_s, slot_s, "comp.interval_s")


@dataclass(frozen=True, config=STRICT)
class CompSliceSettings(SliceRules):
    """Sets slices of the PRBs that cells do not sell, and what decides on their quotas.

    What a cell sells is taken out of what its slices may lend, in proportion; what they keep for themselves (dedicated
    RBGs of `rrm_policy`) is not sold. The scheduler inside the slices is `comp.scheduler`.
    """

    policy: str = "equal"
    """Slice controller: a slicing allocator's name or module:Class. It decides every `slicing.interval_s`."""
    policy_params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters."""
