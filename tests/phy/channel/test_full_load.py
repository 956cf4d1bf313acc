"""The SINR of slots to come at full load is that of each slot by itself, and the same in any batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from engine_factory import channel
from torch import Tensor

from mac.carrier import CarrierSettings
from phy.channel.channel import Channel
from phy.channel.full_load import FullLoad
from phy.link.dominant_interferers import dominant_links
from phy.link.response import Response, basis_of
from phy.link.sinr import sinr
from phy.random import Drops

SLOT_S = 1e-3
SLOTS = range(0, 200, 23)


def slow(drops: Drops, prbs: int, dtype: torch.dtype = torch.float64, directly: bool = False) -> Channel:
    """A channel of UEs at 3 km/h; with its responses on PRBs if ``directly``."""
    made = channel(drops, CarrierSettings(prbs=prbs), per_cell=2, dtype=dtype)
    share = 0.1
    fading = replace(
        made.fading,  # type: ignore[type-var]
        doppler_hz=made.fading.doppler_hz * share,  # type: ignore[attr-defined]
        max_doppler_hz=made.fading.max_doppler_hz * share,  # type: ignore[attr-defined]
    )
    made = replace(made, fading=fading)
    return made.quick_to_read() if directly else made


def at_once(made: Channel, prbs: int) -> Tensor:
    full_load = FullLoad.of(made.fading, made.serving, made.mean_snr.shape[2], 200, SLOT_S)
    assert full_load is not None
    shape = (full_load.slots // 10, *made.serving.shape, 10, prbs)
    out = torch.full(shape, torch.nan, dtype=made.mean_snr.dtype)
    full_load.sinr(0, out)
    return out.permute(0, 3, 1, 2, 4).flatten(0, 1)


def by_itself(made: Channel, prbs: int, slot: int) -> Tensor:
    """The SINR of a slot, of its own responses, with every cell that serves a UE at full load."""
    fading, cells = made.fading, made.mean_snr.shape[2]
    busy = torch.zeros((len(made.serving), cells), dtype=made.mean_snr.dtype).scatter_(1, made.serving, 1.0)
    coordinates = fading.coordinates(slot, 1, SLOT_S)[:, :, 0]
    response = Response(coordinates, basis_of(fading.to_prbs), fading.dominant)
    return sinr(response, made.serving, busy[..., None].expand(-1, -1, prbs).contiguous())


@pytest.mark.parametrize(("prbs", "directly"), [(12, True), (52, False), (25, False)])
def test_the_sinr_of_a_slot_is_that_of_its_own_responses(prbs: int, directly: bool) -> None:
    made = slow(Drops(3, (0, 4)), prbs, directly=directly)
    found = at_once(made, prbs)
    for slot in SLOTS:
        torch.testing.assert_close(found[slot], by_itself(made, prbs, slot), rtol=1e-9, atol=0)


def test_in_single_precision_it_is_as_near_as_the_sinr_of_a_slot_by_itself() -> None:
    exact, single = (slow(Drops(5, tuple(range(4))), 12, dtype, True) for dtype in (torch.float64, torch.float32))
    found, errors = at_once(single, 12), []
    for slot in SLOTS:
        wanted = by_itself(exact, 12, slot)
        errors.append(torch.stack([(one / wanted - 1).abs() for one in (found[slot], by_itself(single, 12, slot))]))
    error = torch.stack(errors, 1).flatten(1).quantile(0.99, dim=1)
    assert error[0] < 3 * error[1] < 1e-5


def test_cells_without_ues_are_silent_and_weak_cells_count_with_their_mean() -> None:
    made = slow(Drops(3, (0, 4)), 12, directly=True)
    serving = made.serving.clamp(max=4)
    moved = replace(made, serving=serving)
    torch.testing.assert_close(at_once(moved, 12)[23], by_itself(moved, 12, 23), rtol=1e-9, atol=0)
    some = dominant_links(made.mean_snr, serving, 2)
    width = made.fading.slot_shape[2] // made.mean_snr.shape[2]
    rays: Tensor = made.fading.rays  # type: ignore[attr-defined]
    by_cell = rays.unflatten(-1, (-1, width))
    index = some.cell[:, :, None, :, None].expand(-1, -1, rays.shape[2], -1, width)
    weak = replace(made.fading, rays=by_cell.gather(3, index).flatten(3), dominant=some)  # type: ignore[type-var]
    moved = replace(moved, fading=weak)
    torch.testing.assert_close(at_once(moved, 12)[46], by_itself(moved, 12, 46), rtol=1e-9, atol=0)


def test_a_drop_is_the_same_alone_and_in_a_batch() -> None:
    both, alone = slow(Drops(3, (0, 4)), 12, torch.float32), slow(Drops(3, (4,)), 12, torch.float32)
    assert torch.equal(at_once(both, 12)[:, 1:], at_once(alone, 12))


def test_quick_rays_are_left_to_the_slots_themselves() -> None:
    made = channel(Drops(1, (0,)), CarrierSettings(prbs=4), per_cell=1)
    quick = replace(made.fading, max_doppler_hz=500.0)  # type: ignore[type-var]
    unknown = replace(made.fading, max_doppler_hz=None)  # type: ignore[type-var]
    assert [FullLoad.of(fading, made.serving, 7, 200, SLOT_S) for fading in (quick, unknown)] == [None, None]
