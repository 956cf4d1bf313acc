"""Defines the scenarios of the families on a cellular carrier: sections that fit together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import field_validator, model_validator

from mac.handover.a3 import rules
from phy.antenna.element import SectorAntennaSettings
from phy.blockage import ScriptedSettings, build_script
from phy.link.effective_sinr import require_betas
from phy.mobility import Replay
from phy.power_consumption import energy_j
from phy.sionna_adapter.channel import require_sionna_support
from phy.topology.sites import build_topology
from phy.tr38901.pathloss import require_base_height

from . import dominant_interferers, model_defaults, uplink
from .sections import CellularSections, group_names
from .users import UserGroup


class CellularScenario(CellularSections):
    """Describes one carrier, the same in all cells."""

    @classmethod
    def follow(cls, data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Lists what a network of the propagation model has, by section and key."""
        return model_defaults.follow(data)

    @field_validator("users")
    @classmethod
    def _groups_differ(cls, groups: Sequence[UserGroup]) -> Sequence[UserGroup]:
        names = [group.name for group in groups]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two groups of users cannot both be called '{twice[0]}'")
        return groups

    @model_validator(mode="after")
    def _antennas_fit(self) -> CellularScenario:
        if self.mimo is None:
            return self
        if self.antenna != SectorAntennaSettings():
            raise ValueError(
                "antenna and mimo are both given; write the antenna of the cells in mimo.base, and leave "
                "antenna out, or at its defaults where a preset sets it (antenna.kind: sector)"
            )
        if self.fading.model == "none":
            raise ValueError("fading.model is 'none', but mimo needs rays; set it to rays, or leave mimo out")
        if self.topology.sectors == 1 and self.mimo.base.rows_per_port > 1:
            base = self.mimo.base
            raise ValueError(
                f"mimo.base has {base.rows_per_port} elements a port, but sites of one sector have elements of "
                f"0 dBi; give it as many ports as elements ({base.elements}), or the sites three sectors"
            )
        return self

    @model_validator(mode="after")
    def _effective_sinr_is_known(self) -> CellularScenario:
        try:
            require_betas(self.link.effective_sinr, self.carrier.mcs_table)
        except ValueError as error:
            raise ValueError(f"link.{error}".replace(" mcs_table", " carrier.mcs_table")) from None
        return self

    @model_validator(mode="after")
    def _uplink_fits(self) -> CellularScenario:
        uplink.check(self)
        return self

    @model_validator(mode="after")
    def _some_may_fade(self) -> CellularScenario:
        dominant_interferers.check(self)
        return self

    @model_validator(mode="after")
    def _base_stations_stand_where_the_model_holds(self) -> CellularScenario:
        require_base_height(self.propagation.model, self.topology.bs_height_m)
        return self

    @model_validator(mode="after")
    def _transceivers_radiate_the_power(self) -> CellularScenario:
        try:
            energy_j(self.power, torch.zeros(1), self.carrier.load_power_w, self.carrier.slot_s)
        except ValueError as error:
            dbm = self.carrier.tx_power_dbm
            raise ValueError(f"carrier.tx_power_dbm is {dbm:g}, but {error} (power.transceivers)") from None
        return self

    @model_validator(mode="after")
    def _warn_of_what_contradicts_the_model(self) -> CellularScenario:
        for text in model_defaults.warnings_of(self):
            warnings.warn(text, stacklevel=2)
        return self

    @model_validator(mode="after")
    def _some_user_is_there(self) -> CellularScenario:
        if self.users_per_cell == 0:
            raise ValueError("there are no users: every group's count is 0")
        return self

    @model_validator(mode="after")
    def _recorded_users_are_there(self) -> CellularScenario:
        users = self.users_per_cell * self.cells
        given = self.record_slots_of
        if given and (max(given) >= users or len(set(given)) < len(given)):
            what = f"has {max(given)}" if max(given) >= users else "names a user twice"
            raise ValueError(f"record_slots_of {what}, and the users are 0 to {users - 1}, each once")
        return self

    @model_validator(mode="after")
    def _provider_can(self) -> CellularScenario:
        if self.channel.provider == "sionna":
            require_sionna_support(self.propagation, self.antenna, self.fading, rays_only=self.on_the_way)
        return self

    @model_validator(mode="after")
    def _blockage_concerns_what_is_there(self) -> CellularScenario:
        for number, blockage in enumerate(self.blockage):
            if isinstance(blockage, ScriptedSettings):
                try:
                    build_script(blockage, build_topology(self.topology), group_names(self))
                except ValueError as error:
                    raise ValueError(f"blockage.{number}: {error}") from None
                self._warn_of_what_comes_too_late(blockage, number)
        return self

    def _warn_of_what_comes_too_late(self, blockage: ScriptedSettings, number: int) -> None:
        end_s = self.warmup_s + self.duration_s
        for place, event in enumerate(blockage.events):
            if event.start_s >= end_s:
                warnings.warn(
                    f"blockage.{number}.events.{place} begins at start_s {event.start_s:g}, but the run ends after "
                    f"{end_s:g} s (warmup_s and duration_s), so it never happens",
                    stacklevel=2,
                )

    @model_validator(mode="after")
    def _every_cell_has_its_offset(self) -> CellularScenario:
        if self.handover is not None:
            try:
                rules(self.handover, self.cells, self.carrier.slot_s, torch.device("cpu"))
            except ValueError as error:
                raise ValueError(f"handover.{error}") from None
        return self

    @model_validator(mode="after")
    def _cell_area_means_something(self) -> CellularScenario:
        for number, group in enumerate(self.users):
            if isinstance(group.mobility, Replay) and group.count and self.attachment == "cell_area":
                raise ValueError(
                    f"users.{number}.mobility: users that follow a file start where it says and not in the area of a "
                    "cell, so 'cell_area' means nothing to them; set attachment to 'strongest'"
                )
        return self
