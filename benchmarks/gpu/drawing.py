"""Measures networks drawn per second, on the device and on the CPU, and how far their numbers are apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from phy.channel.channel import Channel, ChannelPlan, build_channel, draw_channel_on
from phy.channel.fading import Fading
from phy.random import Drops
from scenarios.bench.case import BenchCase, BenchOptions, as_scenario, workloads
from scenarios.bench.measure import copy_bandwidth
from scenarios.config.loading import load
from scenarios.families.cellular.engine_factory import channel_plan

from .options import Options, Row, while_time_lasts

WORKLOADS = ("W1", "W2", "W3")
SIZES = {"W1": (512, 64), "W2": (64, 8), "W3": (16, 2)}
"""Networks drawn at once; their rays in float32 take 1.5, 25 and 182 MB each."""
_COMPARED = 2  # networks drawn on the CPU, too


def rows(options: Options) -> Iterator[Row]:
    """Draws networks of each workload, in the exact mode."""
    device, bandwidth = torch.device(options.device), copy_bandwidth(options.device)
    sizes = {"W1": (2,)} if options.tiny else SIZES
    cases = [(name, drops) for name in sizes for drops in sizes[name]]
    for (name, drops), there_is_time in while_time_lasts(cases, options):
        named: Row = {"workload": name, "drops": drops}
        if not there_is_time:
            yield {**named, "note": "left out for want of time"}
            continue
        try:
            yield {**named, **_drawn(name, drops, device, bandwidth)}
        except (MemoryError, RuntimeError) as error:  # of one size, which must not end the others
            yield {**named, "note": " ".join(str(error).split())[:200]}


def _drawn(name: str, drops: int, device: torch.device, bandwidth: float) -> Row:
    plan = _plan(name)
    few, many = Drops(1, tuple(range(_COMPARED))), Drops(1, tuple(range(drops)))
    expected, cpu_s = _timed(lambda: build_channel(few, plan, torch.device("cpu"), torch.float32), device)
    seen, _ = _timed(lambda: draw_channel_on(device, few, plan, torch.float32), device)
    drawn, seconds = _timed(lambda: draw_channel_on(device, many, plan, torch.float32), device)
    size = _rays(drawn).numel() * _rays(drawn).element_size()
    return {
        "networks_per_s": round(drops / seconds, 2),
        "on_a_cpu_per_s": round(_COMPARED / cpu_s, 2),
        "ray_bytes": size,
        "share_of_copy": round(size / seconds / bandwidth, 4),
        "serving_cells_differ": int((seen.serving.cpu() != expected.serving).sum()),
        "snr_differs_by": float(_apart(seen.mean_snr, expected.mean_snr)),
        "rays_differ_by": float(_apart(_rays(seen), _rays(expected))),
    }


def _plan(name: str) -> ChannelPlan:
    workload = workloads()[name]
    return channel_plan(load(as_scenario(workload, BenchCase(name, 1, "exact", BenchOptions()))))


def _rays(channel: Channel) -> Tensor:
    assert isinstance(channel.fading, Fading)
    return channel.fading.rays


def _apart(seen: Tensor, expected: Tensor) -> Tensor:
    """Computes the norm of the difference over that of what is expected."""
    return (seen.cpu().double() - expected.double()).norm() / expected.double().norm()


def _timed(work: Callable[[], Channel], device: torch.device) -> tuple[Channel, float]:
    """Draws once for nothing, where kernels are loaded or compiled, then once with the clock."""
    work()
    _wait(device)
    began = time.perf_counter()
    drawn = work()
    _wait(device)
    return drawn, time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
