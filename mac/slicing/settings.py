"""Declares the settings of slices and their controller: names, clock and rules, and derived values."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from ..carrier import slots_of_interval

Service = Literal["embb", "urllc", "mmtc"]


@dataclass(frozen=True, config=STRICT)
class SliceSettings:
    """Names one slice and its kind of service."""

    name: str
    """Name, as user groups refer to it."""
    service: Service
    """Kind of service: embb, urllc or mmtc."""


_TRACTOR_SLICES = (SliceSettings("mmtc", "mmtc"), SliceSettings("urllc", "urllc"), SliceSettings("embb", "embb"))


@dataclass(frozen=True, config=STRICT)
class SliceRules:
    """Sets the slices of a carrier, and the clock and the rules of their quotas."""

    slices: tuple[SliceSettings, ...] = Field(default=_TRACTOR_SLICES, min_length=1, max_length=16)
    """Slices, in the order in which they lie on the carrier."""
    interval_s: float = Field(default=0.25, gt=0, le=60)
    """Time between reports, and so between decisions."""
    rbg_prbs: int = Field(default=3, ge=1, le=275)
    """PRBs of an RBG; the last RBG has what is left."""
    min_rbg: int = Field(default=1, ge=0, le=275)
    """RBGs that every slice keeps."""
    unused: Literal["lost", "lent"] = "lost"
    """Use of PRBs that a slice does not need. They are lent within the limits of the decision."""

    @property
    def names(self) -> tuple[str, ...]:
        """Lists the names of the slices."""
        return tuple(one.name for one in self.slices)

    @property
    def lends(self) -> bool:
        """Returns whether PRBs that a slice does not need go to the others."""
        return self.unused == "lent"

    def require_distinct(self) -> None:
        """Checks the names of the slices.

        Raises:
            ValueError: two are equal.
        """
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"slicing.slices: two slices have the same name ({', '.join(self.names)})")

    def rbgs(self, prbs: int) -> int:
        """Returns the number of RBGs of a carrier of ``prbs`` PRBs.

        Raises:
            ValueError: the least quotas of the slices do not fit.
        """
        rbgs = count_rbgs(prbs, self.rbg_prbs)
        require_least_quotas(len(self.slices), self.min_rbg, rbgs)
        return rbgs

    def slots(self, slot_s: float) -> int:
        """Returns the number of slots of ``slot_s`` seconds from one decision to the next.

        Raises:
            ValueError: it is no whole number.
        """
        return slots_of_interval(self.interval_s, slot_s, "slicing.interval_s")


@dataclass(frozen=True, config=STRICT)
class SlicingSettings(SliceRules):
    """Sets the slice controller's clock and rules, and the scheduler below it."""

    held_reports: int = Field(default=0, ge=0)
    """Reports before the first decision counts; until then the quotas are equal."""
    scheduler: str = "proportional_fair"
    """Scheduler inside the slices: a scheduling allocator's name or module:Class."""
    scheduler_params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters."""


def count_rbgs(prbs: int, rbg_prbs: int) -> int:
    """Returns the number of RBGs of ``rbg_prbs`` PRBs on a carrier of ``prbs``; the last one may be smaller."""
    return -(-prbs // rbg_prbs)


def require_least_quotas(slices: int, min_rbg: int, rbgs: int) -> None:
    """Refuses a carrier on which the least quotas of the slices do not fit.

    Args:
        slices: number of slices.
        min_rbg: RBGs that every slice keeps.
        rbgs: RBGs of the carrier.

    Raises:
        ValueError: ``rbgs < slices * min_rbg``.
    """
    if rbgs < slices * min_rbg:
        raise ValueError(
            f"slicing.min_rbg is {min_rbg}: {slices} slices that keep at least {min_rbg} RBGs each do not fit into "
            f"{rbgs} RBGs; lower min_rbg, take smaller RBGs (rbg_prbs) or fewer slices"
        )
