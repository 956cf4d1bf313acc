"""Computes the attenuation of links by blockage.

| module | computes | clause |
|---|---|---|
| ``model_a`` | loss in blocked directions around each UE | TR 38.901 7.6.4.1 |
| ``model_b`` | loss by upright screens that move | TR 38.901 7.6.4.2 |
| ``knife_edge`` | diffraction at the edges of a screen | TR 38.901 7.6.4 |
| ``scripted`` | losses that a scenario schedules, by position or time | - |
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .knife_edge import MAX_SCREEN_LOSS_DB, edge_contribution, screen_loss_db
from .model_a import BlockingRegions, ModelASettings, draw_blocking_regions, model_a_loss_db
from .model_b import BlockingScreens, ModelBSettings, draw_blocking_screens, model_b_loss_db, path_loss_db
from .scripted import BlockageEvent, BlockageScript, ScriptedSettings, build_script, depth_m, scripted_loss_db

__all__ = [
    "MAX_SCREEN_LOSS_DB",
    "BlockageEvent",
    "BlockageScript",
    "BlockageSettings",
    "BlockingRegions",
    "BlockingScreens",
    "ModelASettings",
    "ModelBSettings",
    "ScriptedSettings",
    "build_script",
    "depth_m",
    "draw_blocking_regions",
    "draw_blocking_screens",
    "edge_contribution",
    "model_a_loss_db",
    "model_b_loss_db",
    "path_loss_db",
    "screen_loss_db",
    "scripted_loss_db",
]

BlockageSettings = Annotated[
    ModelASettings | ModelBSettings | ScriptedSettings,
    Field(discriminator="model"),
]
"""Any model of blockage, told apart by its ``model``; a scenario may have several, whose losses add up."""
