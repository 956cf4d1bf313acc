"""Defines the traffic of a group of users: one of fairwave's own models, or a plug-in's."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
    model_validator,
)

from allocators.construction import installed_plug_ins, load, make_plug_in
from mac.core.allocator_guard import SettingsGuard
from mac.core.plugin_traceback import describe_error, error_text, plug_in_line
from mac.traffic import TRAFFIC_MODELS, Packets, TrafficSettings

from ...errors import ScenarioError
from ..schema import Model

GROUP = "fairwave.traffic"
"""Entry points of traffic models, by the name that they have in scenarios."""


_OWN: TypeAdapter[Any] = TypeAdapter(TrafficSettings)


class PluggedTraffic(Model):
    """Describes a traffic model of a plug-in: anything with ``packets(key, users, slots, slot_s)``."""

    model: str
    """The name of an entry point in the group `fairwave.traffic`, or `module:Class`."""
    params: dict[str, JsonValue] = Field(default_factory=dict)
    """Its parameters: the fields of its dataclass."""

    @model_validator(mode="after")
    def _can_be_made(self) -> PluggedTraffic:
        _made(self.model, json.dumps(self.params))
        return self

    @property
    def made(self) -> Any:
        """Returns what the plug-in's class makes of the parameters."""
        return _made(self.model, json.dumps(self.params))

    @property
    def full_buffer(self) -> bool:
        """Checks whether the users always have data; not unless the plug-in says so."""
        return bool(getattr(self.made, "full_buffer", False))

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns the mean rate of each user, bit/s; None where the plug-in does not say."""
        rate = getattr(self.made, "mean_rate_bps", None)
        return None if rate is None else float(rate)

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Draws the plug-in's packets, and checks them.

        Raises:
            ScenarioError: it raised, or made what are no packets of these users and slots.
        """
        try:
            with SettingsGuard("packets()"):
                found = self.made.packets(key, users, slots, slot_s)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            what = (
                error_text(error) if isinstance(error, ScenarioError) else f"packets() raised {describe_error(error)}"
            )
            raise ScenarioError(f"traffic model '{self.model}': {what}{plug_in_line(error)}") from error
        if not isinstance(found, Packets):
            raise ScenarioError(
                f"traffic model '{self.model}': packets() must return mac.traffic.packets.Packets, "
                f"not {type(found).__name__}: see mac.traffic.packets.sort_packets"
            )
        for name, values, least, most in (
            ("slot", found.slot, 0, slots - 1),
            ("user", found.user, 0, users - 1),
            ("bytes", found.bytes, 1, 2**40),
        ):
            if len(values) and not least <= int(values.min()) <= int(values.max()) <= most:
                raise ScenarioError(
                    f"traffic model '{self.model}': Packets.{name} has numbers from {values.min()} to {values.max()}, "
                    f"allowed are {least} to {most}"
                )
        return found


def _plugged(value: Any, own: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Validates a plug-in's model by its name, any other by fairwave's rules."""
    model = value.get("model") if isinstance(value, Mapping) else None
    if isinstance(value, PluggedTraffic):
        return value
    if isinstance(model, str) and model not in TRAFFIC_MODELS and (":" in model or model in installed_plug_ins(GROUP)):
        return PluggedTraffic.model_validate(value)
    if info.mode == "json":  # what is handed on from here is no longer JSON, whose lists stand for tuples
        return _OWN.validate_json(json.dumps(value), context=info.context)
    return own(value)


def _as_setting(value: Any, own: SerializerFunctionWrapHandler) -> Any:
    return value.model_dump() if isinstance(value, PluggedTraffic) else own(value)


Traffic = Annotated[TrafficSettings, WrapValidator(_plugged), WrapSerializer(_as_setting)]
"""Any traffic model: fairwave's own, told apart by ``model``, or a plug-in's."""


@functools.cache
def _made(model: str, params: str) -> Any:
    thing = load(model if ":" in model else installed_plug_ins(GROUP)[model])
    label = model.rpartition(":")[2]
    return make_plug_in(thing, label, json.loads(params), "traffic model", ("packets(key, users, slots, slot_s)",))
