"""Estimates what a batch of drops on a cellular carrier takes: memory, time, and the best number of drops."""

from __future__ import annotations

import functools
import math

import torch

from mac.carrier import CarrierSettings
from mac.engine.radio.fading_buffers import BLOCKS, slots_at_once, window_slots
from mac.handover.a3 import COUNTERS
from mac.handover.serving_plan import period_slots
from mac.traffic import TraceReplay
from mac.traffic.queue_delay import BIN_EDGES_S
from phy.antenna.element import SectorAntennaSettings
from phy.channel.channel import ChannelPlan, frequency_basis
from phy.channel.fading import FadingSettings, numbers_per_ray
from phy.sionna_adapter.cost import Cost, channel_cost, moving_channel_cost
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings
from phy.tr38901.lsp_tables import MOST_CLUSTERS

from .dominant_interferers import faded_links
from .mimo_estimates import NetworkSize, mimo_bytes, mimo_seconds
from .scenario import CellularScenario
from .shape import LONGEST_BLOCK, Shape
from .users import UserGroup

_FULLEST, _MORE = 2, 6  # users of the fullest cell at any time, about: so many times the mean, and some
_TABLE_BYTES = 60_000_000  # link tables and the library code that a first run loads
_FIELDS = 18  # arrays of the results per user and window, about
_SLOT_FIELDS = 10  # per recorded user and slot
_PACKET_BYTES = 24  # slot, user and size of a packet
_PACKET_SETUP_BYTES = 120  # what making and sorting the packets of a drop takes for each of them, at most


def estimate_bytes(scenario: CellularScenario, drops: int, shape: Shape) -> int:
    """Estimates the memory of a batch: rays, their values, reports, queues' histories, results, setup of a drop."""
    item = 8 if scenario.dtype == "float64" else 4
    users, prbs = scenario.users_per_cell * scenario.cells, scenario.carrier.prbs
    links, basis = users * scenario.cells, _basis_size(scenario)
    rays = scenario.fading.directions
    channel = _channel_bytes(scenario, shape, item)
    draws: float = links * 16 * (MOST_CLUSTERS * (basis + rays) + 2 * rays * basis)
    reports = users * prbs * (scenario.link.report_delay_slots + 12) * item
    queues = users * (3 * 1024 + 8 * LONGEST_BLOCK) * 8
    if scenario.moves:  # two states, put together, and the making of the next one
        channel += 3 * links * 2 * basis * 2 * rays * item
    if scenario.channel.provider == "sionna":
        channel, draws = _sionna_cost(scenario).stored_bytes, _sionna_cost(scenario).setup_bytes
    seconds = shape.total_slots * scenario.carrier.slot_s
    arrivals = sum(_packets(group, seconds) for group in scenario.users) * scenario.cells
    windows = shape.clock.intervals // shape.clock.window
    results = users * (2 * _FIELDS * windows + len(BIN_EDGES_S)) * 8
    results += 2 * _SLOT_FIELDS * len(scenario.record_slots_of) * shape.total_slots * 8
    if scenario.handover is not None:
        results += _serving_plan_bytes(scenario, shape)
    setup = _TABLE_BYTES + draws + _PACKET_SETUP_BYTES * arrivals
    if scenario.mimo is not None and scenario.channel.provider == "sionna" and not scenario.on_the_way:
        channel = 0.0  # its rays live in the matrices
    crowd = _crowd(scenario)
    drop, once = (0, 0) if scenario.mimo is None else mimo_bytes(scenario.mimo, crowd, item)
    drop += _uplink_bytes(scenario, shape, item)
    return int(drops * (channel + reports + queues + _PACKET_BYTES * arrivals + results + drop) + setup + once)


def _channel_bytes(scenario: CellularScenario, shape: Shape, item: int) -> float:
    """Estimates rays of a drop, their sums in two blocks, and a slot's on PRBs, which a GPU makes of all users."""
    links, prbs = scenario.users_per_cell * scenario.cells * faded_links(scenario), scenario.carrier.prbs
    rays, size = 2 * scenario.fading.directions, 2 * _basis_size(scenario)
    carried = numbers_per_ray(rays, links, size, 2 * prbs)
    slots = slots_at_once(links * carried, shape.block_slots)
    made = 2 * 2 * prbs if carried == size else 0  # the product with the folded basis, and what is opened of it
    to_come = links * (carried * BLOCKS * slots + made)
    if all(group.traffic.model == "full_buffer" for group in scenario.users):  # SINRs at full load, in their place
        sinrs = scenario.users_per_cell * scenario.cells * prbs
        to_come = max(to_come, sinrs * window_slots(sinrs))
    return float((links * carried * rays + to_come) * item)


def _serving_plan_bytes(scenario: CellularScenario, shape: Shape) -> int:
    """Estimates what is kept of a drop's serving schedule: users and rosters of every measurement."""
    users, slot_s = scenario.users_per_cell * scenario.cells, scenario.carrier.slot_s
    measurements = -(-shape.total_slots // period_slots(scenario.measurements, slot_s))
    places = scenario.cells * (_FULLEST * scenario.users_per_cell + _MORE)
    return measurements * 8 * (2 * users * (2 + len(COUNTERS)) + 2 * places)


def estimate_seconds(scenario: CellularScenario, drops: int, shape: Shape) -> float:
    """Estimates the time of one allocator on one CPU thread: what a slot costs, and what each link and PRB adds."""
    users = scenario.users_per_cell * scenario.cells
    if scenario.mimo is not None:
        seconds = shape.total_slots * (1e-3 + drops * mimo_seconds(scenario.mimo, _crowd(scenario)))
        return seconds + (drops * _sionna_seconds(scenario, shape) if scenario.channel.provider == "sionna" else 0.0)
    per_slot = 4e-4 + drops * (_channel_seconds(scenario, users) + users * 1e-6)
    if scenario.moves:  # a new state of all links now and then, and once more for the serving plan
        states = 1.0 if scenario.handover is None else 1.5
        per_slot += states * drops * users * scenario.cells * 6e-5 * scenario.carrier.slot_s / scenario.channel.update_s
    if scenario.channel.provider == "fairwave":
        return shape.total_slots * per_slot
    more = _sionna_cost(scenario).slot_s
    return shape.total_slots * (per_slot + drops * more) + drops * _sionna_seconds(scenario, shape)


def _channel_seconds(scenario: CellularScenario, users: int) -> float:
    """Estimates the links of a slot: those of all users on a downlink, of the users that hold a PRB on an uplink."""
    cells, prbs = scenario.cells, scenario.carrier.prbs
    if scenario.carrier.direction == "downlink":
        return users * faded_links(scenario) * prbs * 4e-9
    size = prbs if scenario.channel.provider == "sionna" else _basis_size(scenario)
    return 5e-4 + cells**2 * prbs * size * 3e-9 + users * prbs * 4e-8


def _uplink_bytes(scenario: CellularScenario, shape: Shape, item: int) -> int:
    """Estimates the bytes of a drop's sender links, powers after each measurement, and grants of the users."""
    if scenario.carrier.direction == "downlink":
        return 0
    users, prbs, measurements = scenario.users_per_cell * scenario.cells, scenario.carrier.prbs, 1
    if scenario.on_the_way:
        seconds = shape.total_slots * scenario.carrier.slot_s
        measurements += int(seconds * 1e3 / scenario.measurements.period_ms)
    return 3 * prbs * scenario.cells**2 * item + measurements * users * (8 + 4 * item) + 6 * users * prbs * item


def _crowd(scenario: CellularScenario) -> NetworkSize:
    update_s = scenario.channel.update_s if scenario.on_the_way else math.inf
    users = scenario.users_per_cell * scenario.cells
    return NetworkSize(users, scenario.cells, scenario.carrier.prbs, scenario.link, update_s / scenario.carrier.slot_s)


def _sionna_cost(scenario: CellularScenario) -> Cost:
    counts = (scenario.users_per_cell * scenario.cells, scenario.topology.site_count, scenario.cells)
    prbs, item = scenario.carrier.prbs, 8 if scenario.dtype == "float64" else 4
    if scenario.on_the_way:
        return moving_channel_cost(counts, prbs, item, scenario.mimo is not None)
    return channel_cost(*counts, prbs, item)


def _sionna_seconds(scenario: CellularScenario, shape: Shape) -> float:
    """Estimates drawing a drop: once, or at every state, and again for a serving plan or the powers of an uplink."""
    once = _sionna_cost(scenario).setup_s
    if not scenario.on_the_way:
        return once
    ahead = scenario.handover is not None or scenario.carrier.direction == "uplink"
    states = shape.total_slots * scenario.carrier.slot_s / scenario.channel.update_s + 1.0
    return once * states * (2.0 if ahead else 1.0)


def best_batch(scenario: CellularScenario, device: str) -> int:
    """Chooses the drops side by side: until a slot's arrays fill a cache, or keep a GPU busy."""
    links = scenario.users_per_cell * scenario.cells * faded_links(scenario) * scenario.carrier.prbs
    return max(1, min(64, 400_000 // links) if device == "cpu" else min(1024, 400_000_000 // links))


def _packets(group: UserGroup, time_s: float) -> float:
    """Estimates the packets that arrive for a group of a cell; of 500 bytes where a model does not say."""
    traffic = group.traffic
    if isinstance(traffic, TraceReplay):
        return group.count * traffic.expected_packets(time_s)
    size_bytes: float = getattr(traffic, "packet_bytes", getattr(traffic, "file_bytes", 500))
    return group.count * (traffic.mean_rate_bps or 0.0) * time_s / 8 / size_bytes


def _basis_size(scenario: CellularScenario) -> int:
    return _cached_basis_size(scenario.carrier, scenario.propagation, scenario.fading)


@functools.lru_cache(maxsize=64)
def _cached_basis_size(carrier: CarrierSettings, propagation: PropagationSettings, fading: FadingSettings) -> int:
    plan = ChannelPlan(
        topology=build_topology(TopologySettings()),
        propagation=propagation,
        antenna=SectorAntennaSettings(),
        fading=fading,
        users_per_cell=1,
        placement="per_cell",
        attachment="cell_area",
        min_distance_m=0.0,
        speed_mps=torch.zeros(1),
        frequency_hz=carrier.prb_frequency_hz(),
        snr_at_unit_gain=1.0,
    )
    return int(frequency_basis(plan).vectors.shape[1])
