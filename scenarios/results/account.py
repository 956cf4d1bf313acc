"""Reports what the results of a scenario are counted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import families
from ..config.loading import variants

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase


def account_of(scenario: ScenarioBase) -> list[tuple[str, str]]:
    """Returns the account of a scenario's family; each variant's where they differ; empty where it has none."""
    account = families.find(scenario.family).account
    if account is None:
        return []
    by_variant = {name: dict(account(each)) for name, each in variants(scenario).items()}
    told: list[tuple[str, str]] = []
    for what in dict.fromkeys(what for lines in by_variant.values() for what in lines):
        texts = {name: lines[what] for name, lines in by_variant.items() if what in lines}
        same = len(texts) == len(by_variant) and len(set(texts.values())) == 1
        told.append((what, next(iter(texts.values())) if same else "; ".join(f"{n}: {t}" for n, t in texts.items())))
    return told
