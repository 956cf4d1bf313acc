"""Computes the attenuation of links by blockage: models A and B of TR 38.901 clause 7.6.4, and scheduled events."""

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
