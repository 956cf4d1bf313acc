"""Draws positions of sensor nodes: uniform, on a grid, in clusters, or from a file."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..random import Drops, uniform
from ..settings import STRICT

_FARTHEST_M = 1e6  # of a node from the origin, as of the sink


@dataclass(frozen=True, config=STRICT)
class DeploymentSettings:
    """Holds the sensor area and how its nodes are placed."""

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


def place_nodes(drops: Drops, field: DeploymentSettings) -> Tensor:
    """Draws positions of the nodes in m, float64 ``[B, N, 2]``; the streams are "wsn/place" and "wsn/parents".

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
    """Reads positions in the order of a CSV file with the columns id, x and y, in m; other columns are ignored.

    Raises:
        ValueError: the file is missing or a line of it cannot be used; the line is named.
    """
    if file is None:
        raise ValueError("placement is 'file', but file is missing; name a CSV file with the columns id, x, y")
    path = Path(file)
    if path.is_dir():
        raise ValueError(f"{file} is a folder; give the path of a CSV file with the columns id, x, y")
    if not path.is_file():
        raise ValueError(f"there is no file {file}; give the path of a CSV file with the columns id, x, y")
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:  # spreadsheets put a byte order mark in front
            return _positions(csv.DictReader(lines, skipinitialspace=True), file)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not text in UTF-8 (byte {error.start + 1} is {error.object[error.start]:#04x}); save it as "
            "CSV in UTF-8"
        ) from None
    except csv.Error as error:
        raise ValueError(f"{file} is no CSV file ({error}); give one with the columns id, x, y") from None


def _positions(rows: csv.DictReader[str], file: str) -> list[tuple[float, float]]:
    names = [name.strip() for name in rows.fieldnames or []]
    rows.fieldnames = names
    for name in ("id", "x", "y"):
        if names.count(name) != 1:
            found = ", ".join(map(repr, names)) or "nothing"
            raise ValueError(
                f"{file}, line 1: {'no' if name not in names else 'more than one'} column {name} among {found}; the "
                "first line must name the columns id, x, y, separated by commas"
            )
    seen: dict[str, int] = {}
    found_m = [_position(row, f"{file}, line {rows.line_num}", rows.line_num, seen) for row in rows]
    if not found_m:
        raise ValueError(f"{file} has no line after its head; give at least one node")
    return found_m


def _position(row: Mapping[str | None, Any], where: str, line: int, seen: dict[str, int]) -> tuple[float, float]:
    if None in row:
        raise ValueError(f"{where}: more values than columns; write decimals with a point and commas between columns")
    name = (row["id"] or "").strip()
    if not name:
        raise ValueError(f"{where}: the id is missing; give each node one of its own")
    if name in seen:
        raise ValueError(f"{where}: id {name} stands in line {seen[name]} too; each node has one line")
    seen[name] = line
    return _metres(row["x"], "x", where), _metres(row["y"], "y", where)


def _metres(text: str | None, name: str, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not abs(value) <= _FARTHEST_M:
        given = repr(text if len(text) <= 40 else f"{text[:40]}...") if text else "missing"
        raise ValueError(
            f"{where}: {name} is {given}; give a number of metres from -{_FARTHEST_M:g} to {_FARTHEST_M:g}"
        )
    return value


def _grid(field: DeploymentSettings, extent: Tensor) -> Tensor:
    """Computes the cell centres of the grid with cells nearest to squares, row by row, ``[N, 2]``."""
    columns = max(1, round(math.sqrt(field.nodes * field.width_m / field.height_m)))
    rows = math.ceil(field.nodes / columns)
    number = torch.arange(field.nodes)
    cell = torch.stack((number % columns, number // columns), -1).to(torch.float64) + 0.5
    return cell / torch.tensor([columns, rows], dtype=torch.float64) * extent


def _clustered(drops: Drops, field: DeploymentSettings, extent: Tensor) -> Tensor:
    parent = uniform(drops.keys("wsn/parents"), (field.parents, 2)) * extent
    draw = uniform(drops.keys("wsn/place"), (field.nodes, 3))
    number = (draw[..., 0] * field.parents).long()
    radius, turn = field.parent_radius_m * draw[..., 1].sqrt(), 2.0 * math.pi * draw[..., 2]
    offset = torch.stack((radius * turn.cos(), radius * turn.sin()), -1)
    place = parent.gather(1, number[..., None].expand(-1, -1, 2)) + offset
    return torch.minimum(place.clamp(min=0.0), extent)
