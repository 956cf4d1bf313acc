"""Checks which drop, variant and allocators of a run are to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import ScenarioError, did_you_mean, shown

if TYPE_CHECKING:
    from ...run_result import RunResult


def require_choice(result: RunResult, allocators: tuple[str, ...], drop: int, variant: str | None) -> None:
    """Refuses what the run does not have.

    Raises:
        ScenarioError: another family, or no such allocator, drop or variant; the text says what there is.
    """
    family = result.scenario.get("family")
    if family != "uav":
        raise ScenarioError(
            f"{result.run_dir} is a run of the family '{family}', which has no flights; name one of uav"
        )
    for name in allocators:
        if name not in result.allocators:
            raise ScenarioError(f"the run has no allocator {shown(name)}{did_you_mean(name, list(result.allocators))}")
    variants = [name for name in result.variants if name is not None]
    if variant is not None and variant not in variants:
        raise ScenarioError(f"the run has no variant {shown(variant)}{did_you_mean(variant, variants)}")
    drops = int(result.per_drop["drop"].nunique())
    if drop >= drops:
        raise ScenarioError(f"--drop is {drop}, but the run has {drops} drops; name one of 0 to {drops - 1}")
