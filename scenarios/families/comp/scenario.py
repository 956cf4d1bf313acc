"""Defines the scenarios of CoMP markets, and makes their problems."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor

from allocators.market.equilibrium import competitive_equilibrium
from mac.comp import CompContext
from mac.comp.problem import CompProblem
from mac.comp.settings import CompSettings
from mac.market import Market
from mac.slicing.settings import Service
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops

from ..cellular import engine_factory, estimates, named_files
from ..cellular import labels as cellular_labels
from ..cellular.scenario import CellularScenario
from ..cellular.shape import Shape, check_scheduler, clock_of_interval, scheduler_below
from ..cellular.users import UserGroup
from ..family import Labels
from ..schema import Clock

_MOST_PORTS = 8
_ROUNDS, _TOLERANCE = 1000, 1e-4  # of the equilibria with which trades are compared


class CompUsers(UserGroup):
    """Describes users that are alike."""

    service: Service = "embb"
    """Kind of service, by which results may be told apart."""
    budget: float = Field(default=1.0, ge=0, le=1e9)
    """Money of each user for the PRBs of an interval; what is not spent is lost. 0: it never buys."""


class CompScenario(CellularScenario):
    """Compares mechanisms that sell PRBs of a CoMP cluster to users whose serving link breaks."""

    users: tuple[CompUsers, ...] = Field(min_length=1)
    """Groups of users."""
    comp: CompSettings = Field(default_factory=CompSettings)
    """Coordination of cells, and what they sell."""
    compare_with_optima: bool = True
    """Compute the market equilibrium and proportional fairness on total rates in each interval with buyers."""

    @model_validator(mode="after")
    def _panels_fit(self) -> CompScenario:
        mimo, plain = self.mimo, MimoSettings()
        if self.carrier.direction == "uplink":
            raise ValueError("carrier.direction is 'uplink', but comp coordinates what cells send; set it to downlink")
        if mimo is None:
            raise ValueError(
                "mimo is missing, but comp coordinates panels of 1 to 8 ports; give for example mimo: {base: {columns: "
                "4, ports: 4}, ue: {ports: 1}}"
            )
        if mimo.ue.ports != 1:
            raise ValueError(
                f"mimo.ue has {mimo.ue.ports} ports, but comp sends to users of one port; set mimo.ue: {{ports: 1}}"
            )
        if mimo.base.ports > _MOST_PORTS:
            raise ValueError(f"mimo.base has {mimo.base.ports} ports; comp coordinates cells of 1 to {_MOST_PORTS}")
        for name in ("precoding", "max_rank", "users_per_prb"):
            if getattr(mimo, name) != getattr(plain, name):
                raise ValueError(
                    f"mimo.{name} is {getattr(mimo, name)!r}, but comp.precoder says how cells send, one layer to one "
                    f"user a PRB; leave mimo.{name} out"
                )
        return self

    @model_validator(mode="after")
    def _clusters_fit(self) -> CompScenario:
        comp, mimo = self.comp, self.mimo
        assert mimo is not None
        try:
            comp.require_cells(self.cells)
            comp.require_ports(mimo.base.ports)
        except ValueError as error:
            raise ValueError(f"comp.{error}") from None
        comp.sold_prbs(self.carrier.prbs)
        if comp.mode == "none":
            return self
        if self.cells == 1:
            raise ValueError(f"there is one cell, which cannot coordinate (comp.mode {comp.mode}); give topology more")
        if not comp.clusters and comp.cluster_size > mimo.heard_cells:
            raise ValueError(
                f"comp.cluster_size is {comp.cluster_size}, but users know the channels of {mimo.heard_cells} cells "
                f"(mimo.heard_cells); lower the one to {mimo.heard_cells} or raise the other"
            )
        return self

    @model_validator(mode="after")
    def _trade_is_possible(self) -> CompScenario:
        if self.on_infeasible != "error":
            raise ValueError("on_infeasible must be error: no trade is repaired; leave it out")
        if self.comp.mode != "none" and not any(group.budget > 0 and group.count for group in self.users):
            raise ValueError("every group's budget is 0, so that nothing is bought; give one, or set comp.mode: none")
        return self


def clock_of(scenario: CompScenario) -> Clock:
    return clock_of_interval(scenario, scenario.comp, scenario.carrier.slot_s)


def _shape(scenario: CompScenario) -> Shape:
    slots = scenario.comp.slots(scenario.carrier.slot_s)
    return Shape(clock_of(scenario), slots, slice_of_group=(0,) * len(scenario.users))


def check(scenario: CompScenario) -> None:
    """Reads every file that the scenario names, and makes the scheduler."""
    named_files.check_files(scenario, _shape(scenario))
    check_scheduler(scenario.comp, "comp.scheduler")


def build(scenario: CompScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> CompProblem:
    """Builds the problem of a batch of drops."""
    engine = engine_factory.engine(scenario, drops, _shape(scenario), device, dtype, scenario.comp)
    budgets = torch.tensor([group.budget for group in scenario.users], dtype=torch.float64)
    reference = _equilibrium_prices if scenario.compare_with_optima else None
    budgets = budgets[scenario.group_of_user()]
    return CompProblem(
        engine, scenario.comp, budgets, scheduler_below(scenario.comp, "comp.scheduler"), scenario.power, reference
    )


def _equilibrium_prices(market: Market) -> Tensor:
    return competitive_equilibrium(market, _ROUNDS, _TOLERANCE).prices


def context(scenario: CompScenario) -> CompContext:
    """Returns what an allocator is reset with for one drop."""
    users, carrier = scenario.users_per_cell * scenario.cells, scenario.carrier
    drops = Drops(scenario.seed, (0,))
    interval_s, cpu = scenario.comp.interval_s, torch.device("cpu")
    return CompContext(drops, users, scenario.cells, interval_s, cpu, carrier.prbs, carrier.slot_s)


def labels(scenario: CompScenario, problem: CompProblem) -> Labels:
    services = [group.service for group in scenario.users]
    return cellular_labels.labels(scenario, problem.engine, services, _shape(scenario))


def account(scenario: CompScenario) -> list[tuple[str, str]]:
    """Describes the coordination and what it supposes."""
    comp = scenario.comp
    kind = f"{len(comp.clusters)} static clusters" if comp.clusters else f"user-centric clusters of {comp.cluster_size}"
    how = f"{comp.mode}, {kind}"
    if comp.makes_nulls:
        how = f"{how}, {comp.precoder}"
    if comp.mode == "coherent":
        how = f"{how}; an upper bound, as it supposes cells that are synchronous to a part of a carrier period"
    rows = [("CoMP", how)]
    if comp.mode != "none":
        sold = comp.sold_prbs(scenario.carrier.prbs)
        how = (
            f"every {comp.interval_s:g} s; a cell sells at most {sold} of {scenario.carrier.prbs} PRBs; a user buys "
            f"while its mean SINR is below {comp.outage_db:g} dB or its handover interrupts it"
        )
        rows.append(("market", how))
    return rows + cellular_labels.account(scenario)


def estimate_bytes(scenario: CompScenario, drops: int) -> int:
    """Estimates the memory of a batch."""
    return estimates.estimate_bytes(scenario, drops, _shape(scenario))


def estimate_seconds(scenario: CompScenario, drops: int) -> float:
    """Estimates the time of one allocator for a batch, on one CPU thread."""
    return estimates.estimate_seconds(scenario, drops, _shape(scenario))
