"""Where sensors stand: uniform, on a grid, in clusters, or where a file says."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from .config import STRICT
from .random import Drops, uniform


@dataclass(frozen=True, config=STRICT)
class FieldSettings:
    """The field and the places of its nodes."""

    width_m: float = Field(default=100.0, gt=0, le=1e5)
    """Extent in x, from 0."""
    height_m: float = Field(default=100.0, gt=0, le=1e5)
    """Extent in y, from 0."""
    nodes: int = Field(default=100, ge=1, le=100_000)
    """Sensors; a file of positions brings its own number."""
    placement: Literal["uniform", "grid", "clustered", "file"] = "uniform"
    """Anywhere, on a regular grid, around parents drawn anywhere (Matern), or where ``file`` says."""
    parents: int = Field(default=5, ge=1, le=1000)
    """Centres of the clustered placement."""
    parent_radius_m: float = Field(default=15.0, gt=0, le=1e5)
    """Radius around a parent within which its nodes lie, uniformly; cut off at the border of the field."""
    file: str | None = None
    """CSV file with the columns id, x, y in m, for the placement ``file``."""


def place_nodes(drops: Drops, field: FieldSettings) -> Tensor:
    """Positions of the nodes in m, float64 ``[B, N, 2]``; the streams are "wsn/place" and "wsn/parents".

    Raises:
        ValueError: the file of positions cannot be used.
    """
    extent = torch.tensor([field.width_m, field.height_m], dtype=torch.float64)
    if field.placement == "uniform":
        return uniform(drops.keys("wsn/place"), (field.nodes, 2)) * extent
    if field.placement == "clustered":
        return _clustered(drops, field, extent)
    same = _grid(field, extent) if field.placement == "grid" else torch.tensor(read_positions(field.file))
    return same.expand(len(drops), *same.shape).clone()


def read_positions(file: str | None) -> list[tuple[float, float]]:
    """Positions in the order of a CSV file with the columns id, x and y.

    Raises:
        ValueError: the file is missing or a line of it cannot be used; the line is named.
    """
    if file is None:
        raise ValueError("placement is 'file', but file is missing; name a CSV file with the columns id, x, y")
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"there is no file {file}; give the path of a CSV file with the columns id, x, y")
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in ("id", "x", "y") if name not in (rows.fieldnames or [])]
        if missing:
            found = ", ".join(rows.fieldnames or []) or "nothing"
            raise ValueError(f"{file}, line 1: no column {', '.join(missing)} among {found}; it must have id, x, y")
        seen: dict[str, int] = {}
        found_m = [_position(row, f"{file}, line {rows.line_num}", rows.line_num, seen) for row in rows]
    if not found_m:
        raise ValueError(f"{file} has no line after its head; give at least one node")
    return found_m


def _position(row: dict[str, str], where: str, line: int, seen: dict[str, int]) -> tuple[float, float]:
    if row["id"] in seen:
        raise ValueError(f"{where}: id {row['id']} stands in line {seen[row['id']]} too; each node has one line")
    seen[row["id"]] = line
    values = []
    for name in ("x", "y"):
        text = row[name]
        try:
            value = float(text)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"{where}: {name} is {text!r}; give a finite number of metres")
        values.append(value)
    return values[0], values[1]


def _grid(field: FieldSettings, extent: Tensor) -> Tensor:
    """Cell centres of the grid whose cells are nearest to squares, row by row, ``[N, 2]``."""
    columns = max(1, round(math.sqrt(field.nodes * field.width_m / field.height_m)))
    rows = math.ceil(field.nodes / columns)
    number = torch.arange(field.nodes)
    cell = torch.stack((number % columns, number // columns), -1).to(torch.float64) + 0.5
    return cell / torch.tensor([columns, rows], dtype=torch.float64) * extent


def _clustered(drops: Drops, field: FieldSettings, extent: Tensor) -> Tensor:
    parent = uniform(drops.keys("wsn/parents"), (field.parents, 2)) * extent
    draw = uniform(drops.keys("wsn/place"), (field.nodes, 3))
    whose = (draw[..., 0] * field.parents).long()
    radius, turn = field.parent_radius_m * draw[..., 1].sqrt(), 2.0 * math.pi * draw[..., 2]
    offset = torch.stack((radius * turn.cos(), radius * turn.sin()), -1)
    place = parent.gather(1, whose[..., None].expand(-1, -1, 2)) + offset
    return torch.minimum(place.clamp(min=0.0), extent)
