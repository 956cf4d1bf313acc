"""Writes and reads the file of a team: plain arrays (``.npz``, no pickle), what they are for and where from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from ..network import TrainedFor, require_file
from .networks import GraphActor, Shape

VERSION = 1


def write_team(path: Path, team: Any, facts: TrainedFor, origin: Mapping[str, Any]) -> None:
    """Writes the policies of a team, whole or not at all; the critic is not needed to act.

    Args:
        path: of the file, which is overwritten.
        team: a :class:`.networks.Team`.
        facts: what it was trained for.
        origin: how it was trained.
    """
    about = {
        "version": VERSION,
        "shape": asdict(team.shape),
        "trained_for": facts.as_plain(),
        "origin": dict(origin),
    }
    arrays = {
        f"{agent}/{name}": value.numpy()
        for agent, actor in enumerate(team.actors)
        for name, value in actor.state_dict().items()
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_team(path: Path) -> tuple[list[GraphActor], TrainedFor]:
    """Reads the policies of a team, in float64.

    Raises:
        ValueError: there is no such file, or it is none that ``fairwave train --method gamatr`` wrote.
    """
    require_file(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["version"] != VERSION:
                raise ValueError(f"it has version {about['version']}, and this fairwave reads {VERSION}")
            shape, actors = Shape(**about["shape"]), []
            for agent in range(shape.agents):
                actor = GraphActor(shape)
                own = f"{agent}/"
                weights = {name.removeprefix(own): file[name] for name in file.files if name.startswith(own)}
                actor.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
                actors.append(actor.double().requires_grad_(False))
            return actors, TrainedFor(**about["trained_for"])
    except (OSError, BadZipFile, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} is no team that `fairwave train SCENARIO --method gamatr` wrote ({text})") from None
