"""Draws an animation of one drop: UAVs over the map of users, whose colour is their rate at the time.

As SVG the animation is part of the picture (SMIL), so that a page that holds it plays without a network and without
scripts. As PNG it is four moments of it, as GIF a film.
"""

from __future__ import annotations

import io
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, to_hex

from mac.metrics.windows import Array

from ...files import write_atomically
from ...plots.style import WIDTH_IN, Plot, headline
from .flights import FlightsView, flights_view, shown_allocators
from .plots import COLOURS, draw_ground, path_colour, raised, rate_norm

if TYPE_CHECKING:
    from ...run_result import RunResult

FRAMES = 60  # moments of an animation
SECONDS = 12.0  # that it takes
_USERS = 400  # drawn at most
_PANEL = 460.0  # size of a panel of the SVG
_MARGIN, _HEAD, _FOOT = 16.0, 58.0, 44.0


class Animation(Plot):
    """Makes a figure whose SVG file moves; other files show four moments."""

    views: list[FlightsView]
    title: str

    def savefig(self, fname: Any, **options: Any) -> None:
        """Writes the figure; as ``svg`` to a binary file the animation."""
        if options.get("format") == "svg" and isinstance(fname, io.BytesIO):
            fname.write(animated_svg(self.views, self.title).encode())
            return
        super().savefig(fname, **options)


def plot_animation(
    result: RunResult, variant: str | None = None, drop: int = 0, allocators: tuple[str, ...] = ()
) -> Animation:
    """Draws the animation of a drop, a panel for each allocator.

    Args:
        result: the run.
        variant: the variant to show; the first one if not given.
        drop: the drop to show, by its place.
        allocators: those to show; up to two, the best by the headline, if not given.
    """
    variant = result.variants[0] if variant is None else variant
    names = list(allocators) or shown_allocators(result, variant, 2)
    views = [flights_view(result.to_xarray(name, variant), name, drop) for name in names]
    figure = Animation(figsize=(WIDTH_IN, 0.9 + 2.6 * len(views)), layout="constrained")
    figure.views = views
    figure.title = f"Drop {drop}: users by their rate at the time" + (f" (variant {variant})" if variant else "")
    norm = rate_norm(views)
    panels = figure.subplots(len(views), 4, squeeze=False)
    for row, view in zip(panels, views, strict=True):
        last = len(view.time_s) - 1
        for axes, frame in zip(row, (0, last // 3, 2 * last // 3, last), strict=True):
            _moment(axes, view, frame, norm)
    headline(figure, figure.title)
    return figure


def animated_svg(views: list[FlightsView], title: str) -> str:
    """Writes the animation as text of an SVG file.

    Args:
        views: a panel each, of one run.
        title: above the panels.
    """
    norm = rate_norm(views)
    width = _MARGIN + len(views) * (_PANEL + _MARGIN)
    tallest = max(_PANEL * view.extent_m[1] / view.extent_m[0] for view in views)
    height = _HEAD + tallest + _FOOT
    panels = "\n".join(
        f'<g transform="translate({_MARGIN + place * (_PANEL + _MARGIN):g},{_HEAD:g})">{_panel(view, norm)}</g>'
        for place, view in enumerate(views)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'font-family="DejaVu Sans, Arial, sans-serif">\n'
        "<metadata><dc:title>fairwave</dc:title></metadata>\n"
        '<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="{width / 2:g}" y="22" text-anchor="middle" font-size="16" font-weight="bold">'
        f"{escape(title)}</text>\n"
        f"{panels}\n{_scale(norm, width, height)}{_clock(views[0], width, height)}</svg>\n"
    )


def save_gif(result: RunResult, path: Path, variant: str | None, drop: int, allocators: tuple[str, ...]) -> Path:
    """Writes the animation as a GIF file, whole or not at all.

    Args:
        result: the run.
        path: where to.
        variant: the variant to show; the first one if None.
        drop: the drop to show, by its place.
        allocators: those to show; empty: up to two.
    """
    from PIL import Image

    made = plot_animation(result, variant, drop, allocators)
    norm, views = rate_norm(made.views), made.views
    pictures = []
    for frame in _frames(views[0]):
        figure = Plot(figsize=(4.6 * len(views), 5.0), layout="constrained")
        panels = figure.subplots(1, len(views), squeeze=False)[0]
        for axes, view in zip(panels, views, strict=True):
            _moment(axes, view, frame, norm)
        headline(figure, made.title)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=80)
        pictures.append(Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE, colors=128))
    film = io.BytesIO()
    pictures[0].save(film, format="GIF", save_all=True, append_images=pictures[1:], loop=0, comment=b"fairwave",
                     duration=int(1000 * SECONDS / len(pictures)))  # fmt: skip
    write_atomically(path, film.getvalue())
    return path


def _moment(axes: Any, view: FlightsView, frame: int, norm: LogNorm) -> None:
    window = max(0, frame - 1)
    rate = raised(view.rate_mbps[window], norm)
    axes.scatter(
        view.user_m[window, :, 0],
        view.user_m[window, :, 1],
        c=rate,
        cmap=COLOURS,
        norm=norm,
        s=max(4.0, min(30.0, 2500.0 / len(rate))),
    )
    draw_ground(axes, view)
    for uav in range(view.uav_m.shape[1]):
        path = view.uav_m[: frame + 1, uav]
        axes.plot(path[:, 0], path[:, 1], color=path_colour(uav), lw=1.0)
        axes.plot(*path[-1, :2], marker="^", markersize=8, color=path_colour(uav), markeredgecolor="white")
    axes.set_title(f"{view.allocator}, {view.time_s[frame]:g} s", fontsize=9)
    axes.set(xlabel="", ylabel="")
    axes.tick_params(labelsize=7)


def _frames(view: FlightsView) -> list[int]:
    """Chooses the moments that are shown: ends of windows, evenly spread."""
    last = len(view.time_s) - 1
    return [int(frame) for frame in np.unique(np.linspace(0, last, min(FRAMES, last + 1)).round())]


def _panel(view: FlightsView, norm: LogNorm) -> str:
    """Draws one panel: border, zones, users, paths, UAVs."""
    scale = _PANEL / view.extent_m[0]
    depth = view.extent_m[1] * scale
    frames = _frames(view)
    parts = [f'<text x="{_PANEL / 2:g}" y="-10" text-anchor="middle" font-size="13">{escape(view.allocator)}</text>',
             f'<rect width="{_PANEL:g}" height="{depth:g}" fill="#fafafa" stroke="#888"/>']  # fmt: skip
    for west, south, east, north in view.zones_m:
        x, y = west * scale, depth - north * scale
        size = f'width="{(east - west) * scale:.1f}" height="{(north - south) * scale:.1f}"'
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="#ddd" stroke="#888"/>')
    parts += _users(view, frames, norm, (scale, depth))
    parts += _uavs(view, frames, (scale, depth))
    return "\n".join(parts)


def _users(view: FlightsView, frames: list[int], norm: LogNorm, place: tuple[float, float]) -> list[str]:
    scale, depth = place
    count = view.user_m.shape[1]
    shown = np.unique(np.linspace(0, count - 1, min(count, _USERS)).round().astype(int))
    windows = [max(0, frame - 1) for frame in frames]
    colour = colormaps[COLOURS](norm(raised(view.rate_mbps[windows], norm)))  # [frames, U, 4]
    moves = bool((view.user_m[0] != view.user_m[-1]).any())
    radius = 4.5 if count <= 100 else 2.5
    out = []
    for user in shown:
        x, y = view.user_m[windows, user, 0] * scale, depth - view.user_m[windows, user, 1] * scale
        fills = [to_hex(one) for one in colour[:, user]]
        inside = _animate("fill", fills, "discrete")
        if moves:
            inside += _animate("cx", _texts(x)) + _animate("cy", _texts(y))
        out.append(f'<circle cx="{x[0]:.1f}" cy="{y[0]:.1f}" r="{radius}" fill="{fills[0]}">{inside}</circle>')
    return out


def _uavs(view: FlightsView, frames: list[int], place: tuple[float, float]) -> list[str]:
    scale, depth = place
    out = []
    for uav in range(view.uav_m.shape[1]):
        colour = path_colour(uav)
        x, y = view.uav_m[:, uav, 0] * scale, depth - view.uav_m[:, uav, 1] * scale
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-opacity="0.35"/>')
        values = [f"{a:.1f},{b:.1f}" for a, b in zip(x[frames], y[frames], strict=True)]
        inside = (f'<animateTransform attributeName="transform" type="translate" values="{";".join(values)}" '
                  f'dur="{SECONDS:g}s" repeatCount="indefinite"/>')  # fmt: skip
        out.append(f'<g transform="translate({values[0]})"><path d="M0,-8 L7,6 L-7,6 Z" fill="{colour}" '
                   f'stroke="white"/>{inside}</g>')  # fmt: skip
    return out


def _clock(view: FlightsView, width: float, height: float) -> str:
    """Draws the time, one text a moment, and a bar that grows."""
    frames = _frames(view)
    texts = []
    for place, frame in enumerate(frames):
        shown = ["visible" if place == other else "hidden" for other in range(len(frames))]
        place_of = f'x="{width - _MARGIN:g}" y="{height - 14:g}" text-anchor="end" font-size="13"'
        moves = _animate("visibility", shown, "discrete")
        texts.append(f'<text {place_of} visibility="{shown[0]}">{view.time_s[frame]:g} s{moves}</text>')
    grows = _animate("width", ["0", f"{width:g}"])
    bar = f'<rect x="0" y="{height - 4:g}" height="4" width="0" fill="#0072B2">{grows}</rect>'
    return "".join(texts) + bar


def _scale(norm: LogNorm, width: float, height: float) -> str:
    """Draws the colours of rates with the ends of their scale."""
    stops = "".join(
        f'<stop offset="{place}%" stop-color="{to_hex(colormaps[COLOURS](place / 100))}"/>'
        for place in range(0, 101, 10)
    )
    y = height - 24
    return (
        f'<defs><linearGradient id="rates">{stops}</linearGradient></defs>'
        f'<rect x="{_MARGIN + 90:g}" y="{y:g}" width="200" height="12" fill="url(#rates)"/>'
        f'<text x="{_MARGIN + 84:g}" y="{y + 11:g}" text-anchor="end" font-size="12">{norm.vmin:.2g} Mbit/s</text>'
        f'<text x="{_MARGIN + 296:g}" y="{y + 11:g}" font-size="12">{norm.vmax:.2g} Mbit/s</text>'
    )


def _animate(attribute: str, values: list[str], mode: str = "linear") -> str:
    if len(set(values)) < 2:
        return ""
    return (
        f'<animate attributeName="{attribute}" values="{";".join(values)}" dur="{SECONDS:g}s" calcMode="{mode}" '
        'repeatCount="indefinite"/>'
    )


def _texts(values: Array) -> list[str]:
    return [f"{value:.1f}" for value in values]
