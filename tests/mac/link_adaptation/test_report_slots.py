"""Each UE measures once in a period, in its own slot of it."""

from __future__ import annotations

import pytest
import torch

from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.report_slots import ReportSlots, report_offsets

CPU = torch.device("cpu")


def due(settings: LinkSettings, users: int, slot: int) -> list[bool]:
    """Whether each UE measures in a slot."""
    slots = ReportSlots(settings, users, CPU)
    some = slots.due(slot)
    return [slots.measured(slot)] * users if some is None else some.tolist()


@pytest.mark.parametrize(
    ("offset", "period", "offsets"),
    [
        (0, 1, [0] * 7),
        ("staggered", 1, [0] * 7),
        (2, 5, [2] * 7),
        ("staggered", 5, [0, 1, 2, 3, 4, 0, 1]),
        ((4, 0), 5, [4, 0, 4, 0, 4, 0, 4]),
        ("staggered", 20, list(range(7))),
    ],
)
def test_a_ue_measures_in_its_slot_of_the_period(
    offset: str | int | tuple[int, ...], period: int, offsets: list[int]
) -> None:
    settings = LinkSettings(report_period_slots=period, report_offset_slots=offset)  # type: ignore[arg-type]
    assert report_offsets(settings, 7).tolist() == offsets
    for slot in range(3 * period):
        assert due(settings, 7, slot) == [slot % period == own for own in offsets]
        assert ReportSlots(settings, 7, CPU).measured(slot) == (slot % period in offsets)


@pytest.mark.parametrize(
    ("offset", "period", "said"),
    [
        (1, 1, "report_offset_slots is 1, but report_period_slots is 1; give 0, or staggered, or a longer"),
        (-1, 4, "report_offset_slots is -1, but report_period_slots is 4; give offsets from 0 to 3"),
        ((0, 9), 5, r"report_offset_slots is \[0, 9\], but report_period_slots is 5"),
        ((), 5, r"must be a slot of the period, 0 for its first, or a list of slots, or staggered, given \(\)"),
        ("seldom", 5, "or staggered, given 'seldom'"),
        (True, 5, "or staggered, given True"),
        (None, 5, "or staggered, given nothing"),
    ],
)
def test_offsets_outside_of_the_period_are_refused(offset: object, period: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LinkSettings(report_period_slots=period, report_offset_slots=offset)  # type: ignore[arg-type]
