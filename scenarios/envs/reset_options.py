"""Reads the options of a reset, and refuses to render."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ..errors import ScenarioError, did_you_mean, shown
from .episodes import Episodes, EpisodesState


def require_known(options: Mapping[str, Any] | None, known: tuple[str, ...]) -> None:
    """Refuses options that an interface does not have.

    Raises:
        ScenarioError: which one, and the nearest is named; or the options are no mapping.
    """
    if options is not None and not isinstance(options, Mapping):
        raise ScenarioError(f"the options of reset() must be a mapping, given {shown(options)}")
    for name in options or {}:
        if name not in known:
            raise ScenarioError(f"reset() has no option '{name}'{did_you_mean(name, known)}")


def require_no_rendering(render_mode: Any) -> None:
    """Refuses a render mode: there is none.

    Raises:
        ScenarioError: one is given.
    """
    if render_mode is not None:
        raise ScenarioError(
            f"an environment cannot be rendered, given render_mode {shown(render_mode)}: leave it out, and plot a run"
        )


def refuse_to_render() -> NoReturn:
    """Refuses to render.

    Raises:
        ScenarioError: always.
    """
    raise ScenarioError("an environment cannot be rendered: plot a run, for example by fairwave run SCENARIO")


def with_state(options: Mapping[str, Any] | None, state: EpisodesState | None) -> Mapping[str, Any] | None:
    """Returns the options of a reset with a state that was given beside them."""
    return options if state is None or not isinstance(options or {}, Mapping) else {**(options or {}), "state": state}


def put_back(episodes: Episodes, options: Mapping[str, Any] | None) -> bool:
    """Puts ``options["state"]`` back where it is given; returns whether it was.

    Raises:
        ScenarioError: the state is none of these environments.
    """
    state = (options or {}).get("state")
    if state is None:
        return False
    if not isinstance(state, EpisodesState) or len(state.seeds) != episodes.count or not state.cohorts:
        raise ScenarioError("the state given to reset() must be that of an environment of this kind that was reset")
    own, other = episodes.task.scenario, state.cohorts[0].scene.scenario
    if other != own:
        which = f"the scenario {other.name}" if other.name != own.name else f"other settings of {own.name}"
        raise ScenarioError(f"the state given to reset() is of {which}, not of the {own.name} of this environment")
    if list(state.cohorts[0].stack.features) != list(episodes.task.features):
        raise ScenarioError("the state given to reset() is of an environment with other features than this one")
    episodes.put(state)
    return True
