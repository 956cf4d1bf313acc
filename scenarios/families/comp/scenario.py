"""Defines the scenarios of CoMP markets, and makes their problems."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, model_validator
from torch import Tensor

from allocators.market.equilibrium import competitive_equilibrium
from mac.comp import CompContext
from mac.comp.problem import CompProblem, OwnScheduling
from mac.comp.settings import CompSettings, CompSliceSettings
from mac.comp.slice_control import SliceControl, markets_of
from mac.core.allocator_guard import AllocatorGuard
from mac.core.contracts import Allocator
from mac.core.plugin_traceback import error_text, plug_in_line
from mac.market import Market
from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from mac.slicing.settings import Service
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops

from ...errors import ScenarioError, did_you_mean
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

    service: Service | None = None
    """Kind of service, by which results may be told apart; left out, that of its slice, or `embb`."""
    slice: str | None = None
    """Name of their slice, one of `slicing.slices`. Without `slicing` it only tells results apart."""
    budget: float = Field(default=1.0, ge=0, le=1e9)
    """Money of each user for the PRBs of an interval; what is not spent is lost. 0: it never buys."""


class CompScenario(CellularScenario):
    """Compares mechanisms that sell PRBs of a CoMP cluster to users whose serving link breaks."""

    users: tuple[CompUsers, ...] = Field(min_length=1)
    """Groups of users."""
    comp: CompSettings = Field(default_factory=CompSettings)
    """Coordination of cells, and what they sell."""
    slicing: CompSliceSettings | None = None
    """Slices of the PRBs that cells do not sell, and their quotas; left out, all users share them."""
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
    def _slices_have_users(self) -> CompScenario:
        named = [group.slice for group in self.users]
        if self.slicing is None:
            if None in named and any(named):
                number = named.index(None)
                raise ValueError(f"users.{number}.slice is missing; name the slice of every group, or of none")
            return self
        self.slicing.require_distinct()
        for number, group in enumerate(self.users):
            self._require_slice(number, group)
        if empty := [name for name in self.slicing.names if name not in named]:
            raise ValueError(
                f"slicing.slices names '{empty[0]}', but no group of users belongs to it (users.N.slice); leave it out"
            )
        self.slicing.rbgs(self.carrier.prbs)
        markets_of(self.slicing.interval_s, self.comp.interval_s)
        return self

    def _require_slice(self, number: int, group: CompUsers) -> None:
        """Checks that a group's slice is there and of its service."""
        assert self.slicing is not None
        if group.slice is None:
            raise ValueError(
                f"users.{number}.slice is missing, but slicing is given; name one of {', '.join(self.slicing.names)}, "
                "or leave slicing out"
            )
        if group.slice not in self.slicing.names:
            raise ValueError(f"users.{number}.slice is '{group.slice}'{did_you_mean(group.slice, self.slicing.names)}")
        of_slice = self.slicing.slices[self.slicing.names.index(group.slice)].service
        if group.service not in (None, of_slice):
            raise ValueError(
                f"users.{number}.service is '{group.service}', but its slice '{group.slice}' is of service "
                f"'{of_slice}'; leave service out, or set it to that"
            )

    @property
    def slice_names(self) -> tuple[str, ...]:
        """Lists the slices to which groups of users belong; none where they name none."""
        if self.slicing is not None:
            return self.slicing.names
        return tuple(dict.fromkeys(group.slice for group in self.users if group.slice is not None))

    def service_of(self, group: CompUsers) -> Service:
        """Returns the kind of service of a group."""
        if group.service is not None:
            return group.service
        of_slices = {} if self.slicing is None else {one.name: one.service for one in self.slicing.slices}
        return of_slices.get(group.slice or "", "embb")

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
    if scenario.slicing is None:
        return Shape(clock_of(scenario), slots, slice_of_group=(0,) * len(scenario.users))
    return Shape(clock_of(scenario), slots, _slice_of_group(scenario), len(scenario.slicing.slices))


def _slice_of_group(scenario: CompScenario) -> tuple[int, ...]:
    """Returns the place of each group's slice in ``slice_names``."""
    return tuple(scenario.slice_names.index(group.slice) for group in scenario.users if group.slice is not None)


def _policy(slicing: CompSliceSettings) -> Allocator[SlicingObservation, SlicingDecision]:
    from allocators.registry import resolve

    found: Allocator[Any, Any] = resolve(slicing.policy, "slicing", dict(slicing.policy_params))
    return AllocatorGuard(found, f"{slicing.policy} (slicing.policy)")


def check(scenario: CompScenario) -> None:
    """Reads every file that the scenario names, makes the scheduler, and tries the slice controller."""
    named_files.check_files(scenario, _shape(scenario))
    check_scheduler(scenario.comp, "comp.scheduler")
    if scenario.slicing is not None:
        _check_policy(scenario, scenario.slicing)


def _check_policy(scenario: CompScenario, slicing: CompSliceSettings) -> None:
    """Makes the slice controller and resets it.

    Raises:
        ScenarioError: it cannot be made, or refuses the carrier.
    """
    drops, cpu = Drops(scenario.seed, (0,)), torch.device("cpu")
    try:
        tried = SlicingContext.of(slicing, scenario.carrier, drops, scenario.cells, cpu, torch.float32)
        _policy(slicing).reset(tried, scenario.seed)
    except Exception as error:  # a plug-in's module may raise anything at all when it is imported
        raise ScenarioError(f"slicing.policy '{slicing.policy}': {error_text(error)}{plug_in_line(error)}") from error


def build(scenario: CompScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> CompProblem:
    """Builds the problem of a batch of drops."""
    engine = engine_factory.engine(scenario, drops, _shape(scenario), device, dtype, scenario.comp)
    budgets = torch.tensor([group.budget for group in scenario.users], dtype=torch.float64)
    reference = _equilibrium_prices if scenario.compare_with_optima else None
    budgets = budgets[scenario.group_of_user()]
    slicing, slices = scenario.slicing, None
    if slicing is not None:
        slices = SliceControl(engine, slicing, _policy(slicing), scenario.comp.interval_s)
    scheduling = OwnScheduling(scheduler_below(scenario.comp, "comp.scheduler"), slices)
    return CompProblem(engine, scenario.comp, budgets, scheduling, scenario.power, reference)


def _equilibrium_prices(market: Market) -> Tensor:
    return competitive_equilibrium(market, _ROUNDS, _TOLERANCE).prices


def context(scenario: CompScenario) -> CompContext:
    """Returns what an allocator is reset with for one drop."""
    users, carrier = scenario.users_per_cell * scenario.cells, scenario.carrier
    drops = Drops(scenario.seed, (0,))
    interval_s, cpu = scenario.comp.interval_s, torch.device("cpu")
    return CompContext(drops, users, scenario.cells, interval_s, cpu, carrier.prbs, carrier.slot_s)


def labels(scenario: CompScenario, problem: CompProblem) -> Labels:
    """Returns the coordinates and attributes of results; slices are told apart also where they have no quotas."""
    services = [scenario.service_of(group) for group in scenario.users]
    common = cellular_labels.labels(scenario, problem.engine, services, _shape(scenario))
    if not scenario.slice_names:
        return common
    return cellular_labels.with_slices(common, scenario, _slice_of_group(scenario), scenario.slice_names)


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
    if scenario.slicing is not None:
        slicing = scenario.slicing
        how = f"{', '.join(slicing.names)}: {slicing.policy} every {slicing.interval_s:g} s"
        rows.append(("slices", f"{how}; quotas concern what a cell does not sell, unused PRBs are {slicing.unused}"))
    return rows + cellular_labels.account(scenario)


def estimate_bytes(scenario: CompScenario, drops: int) -> int:
    """Estimates the memory of a batch."""
    return estimates.estimate_bytes(scenario, drops, _shape(scenario))


def estimate_seconds(scenario: CompScenario, drops: int) -> float:
    """Estimates the time of one allocator for a batch, on one CPU thread."""
    return estimates.estimate_seconds(scenario, drops, _shape(scenario))
