"""Measures Sionna SYS: its blocks in a slot loop over a channel that is drawn once.

Its channel model has no state between calls, and a new realisation takes from 0.7 s (21 cells) to 10 s (57), so the
rays of TR 38.901 are drawn once and every link is multiplied by a scalar that follows an AR(1) process around one, as
in Sionna's own example of a system. Everything else of a slot is Sionna's block of that name: scheduler, outer loop,
post-equalisation SINR, EESM, and the abstraction of decoding.

The receiver's whitening of interference is off: with it, the default of 2.2, the SINR is S / (2 I + N) where one
antenna hears S, I and N, since what is left after whitening is counted as noise, and its part that is interference once
more. With one antenna whitening has nothing to gain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.base import SLOT_S, Peer, Session, Size

CARRIER_HZ = 3.5e9
PRB_HZ = 180e3
CELL_W = 10 ** ((46 - 30) / 10)
NOISE_W = 10 ** ((-174 + 9 - 30) / 10) * PRB_HZ
DATA_RE = 12 * 12
"""Resource elements of a PRB in a slot that carry data."""
TABLE, PDSCH = 1, 1
"""MCS table and category."""
RHO, SPREAD = 0.95, 0.1
"""Of the scalar on each link: its memory of the slot before, and the innovation's standard deviation."""


def response(size: Size, batch: int) -> Any:
    """Computes the response of every link on every PRB ``[B, U, C, K]``, TR 38.901 urban macro, UEs in order of their
    cells.

    Its square is the SNR of a PRB over which its share of the cell's power is spread.
    """
    import torch
    from sionna.phy import config
    from sionna.phy.channel.tr38901 import Antenna, UMa
    from sionna.sys import gen_hexgrid_topology

    config.seed = 1
    per_sector = math.ceil(size.users_per_cell * size.sectors / 3)
    pattern = "omni" if size.sectors == 1 else "38.901"
    phone, panel = (
        Antenna(polarization="single", polarization_type="V", antenna_pattern=kind, carrier_frequency=CARRIER_HZ)
        for kind in ("omni", pattern)
    )
    model = UMa(CARRIER_HZ, "low", phone, panel, "downlink")
    user, station, turned, heading, velocity, indoor, los, image = gen_hexgrid_topology(
        batch, {7: 1, 19: 2}[size.sites], per_sector, "uma", min_ut_velocity=3 / 3.6, max_ut_velocity=3 / 3.6
    )
    cell = torch.arange(0, 3 * size.sites, 3 // size.sectors)
    kept = torch.arange(user.shape[1]).view(size.cells, -1)[:, : size.users_per_cell].flatten()
    user, turned, velocity, indoor = (tensor[:, kept] for tensor in (user, turned, velocity, indoor))
    station, heading, image = station[:, cell], heading[:, cell], image[:, cell][:, :, kept]
    model.set_topology(user, station, turned, heading, velocity, indoor, los, image)
    paths, delay = model(1, 1 / SLOT_S)
    frequency = PRB_HZ * (torch.arange(size.prbs) - (size.prbs - 1) / 2)
    turn = torch.exp(-2j * math.pi * delay[..., None] * frequency)
    of_prbs = torch.einsum("bucl,buclk->buck", paths[:, :, 0, :, 0, :, 0], turn)
    return of_prbs * math.sqrt(CELL_W / size.prbs / NOISE_W)


def sinr_of_all(size: Size) -> Callable[..., Any]:
    """Computes SINRs as Sionna's shapes have them: a stream for each UE of a cell, most of them without power."""
    import torch
    from sionna.phy.ofdm import LMMSEPostEqualizationSINR, RZFPrecodedChannel
    from sionna.sys import spread_across_subcarriers

    of_user = torch.eye(size.cells).repeat_interleave(size.users_per_cell, 0)
    grid_and_streams = _grid_and_streams(size, of_user, size.users_per_cell)
    precoded, equalised = RZFPrecodedChannel(*grid_and_streams), LMMSEPostEqualizationSINR(*grid_and_streams)
    one = torch.ones(())

    def sinr(h: Any, fade: Any, scheduled: Any) -> Any:
        power = spread_across_subcarriers(scheduled.sum((-3, -1)), scheduled, num_tx=1)[:, :, 0]  # [B, C, users, 1, K]
        links = (h * fade.sqrt()[..., None])[:, :, None, :, None, None]  # [B, U, 1, C, 1, 1, K]
        heard = equalised(precoded(links, power, alpha=1.0), one, interference_whitening=False)  # [B, 1, K, U, 1]
        of_cell = heard.unflatten(3, (size.cells, size.users_per_cell)).movedim(3, 1)  # [B, C, 1, K, users, 1]
        return of_cell * scheduled

    return sinr


def sinr_of_scheduled(size: Size) -> Callable[..., Any]:
    """Computes SINRs with one receiver a cell: that of the UE scheduled on each PRB, whose channel is selected
    beforehand.
    """
    import torch
    from sionna.phy.ofdm import LMMSEPostEqualizationSINR

    equalised = LMMSEPostEqualizationSINR(*_grid_and_streams(size, torch.eye(size.cells), 1))
    one = torch.ones(())

    def sinr(h: Any, fade: Any, scheduled: Any) -> Any:
        h, fade = (tensor.unflatten(1, (size.cells, size.users_per_cell)) for tensor in (h, fade))
        holder = scheduled[:, :, 0, :, :, 0].to(torch.uint8).argmax(-1)[:, :, None, None]  # [B, C, 1, 1, K]
        holder = holder.expand(-1, -1, 1, size.cells, -1)
        links = h.gather(2, holder) * fade[..., None].expand(h.shape).gather(2, holder).sqrt()  # [B, C, 1, C, K]
        heard = equalised(links[:, :, :, :, None, None], one, interference_whitening=False)  # [B, 1, K, C, 1]
        return heard.movedim(3, 1)[..., None] * scheduled

    return sinr


def _grid_and_streams(size: Size, receivers: Any, streams: int) -> tuple[Any, Any]:
    """One symbol a slot and one subcarrier a PRB; so many streams a cell, to the receivers ``[receiver, cell]``."""
    from sionna.phy.mimo import StreamManagement
    from sionna.phy.ofdm import ResourceGrid

    grid = ResourceGrid(1, size.prbs, PRB_HZ, num_tx=size.cells, num_streams_per_tx=streams)
    return grid, StreamManagement(receivers.numpy().astype(int), streams)


@dataclass
class SlotLoop:
    """Runs scheduler, outer loop, SINR, EESM and decoding, slot after slot; ``[B, C, users of a cell]`` throughout."""

    size: Size
    batch: int
    sinr: Callable[..., Any]

    def __post_init__(self) -> None:
        import torch
        from sionna.sys import EESM, OuterLoopLinkAdaptation, PFSchedulerSUMIMO, PHYAbstraction

        cells, users = [self.batch, self.size.cells], self.size.users_per_cell
        self.h = response(self.size, self.batch)
        self.power = self.h.abs().square()
        self.fade = torch.ones(self.h.shape[:-1])
        self.scheduler = PFSchedulerSUMIMO(users, self.size.prbs, 1, batch_size=cells)
        self.eesm, self.decoding = EESM(), PHYAbstraction()
        self.outer_loop = OuterLoopLinkAdaptation(self.decoding, users, batch_size=cells)
        self.granted = torch.zeros(*cells, users)
        self.harq = torch.full((*cells, users), -1)
        self.sinr_eff = torch.zeros(*cells, users)
        self.served, self.slots, self.prbs, self.blocks, self.acks = torch.zeros(*cells, users), 0, 0.0, 0, 0

    def __call__(self) -> None:
        """One slot of every network."""
        import torch

        self.fade = (1 + RHO * (self.fade - 1) + SPREAD * torch.randn_like(self.fade)).clamp(min=0)
        achievable = self.achievable()
        scheduled = self.scheduler(self.granted, achievable)  # [B, C, 1, K, users, 1]
        # Not what was decoded: a user below the lowest curve, whose blocks all fail, would then be given everything.
        self.granted = (achievable * scheduled[..., 0]).sum((2, 3))
        elements = DATA_RE * scheduled.sum((2, 3, 5))
        mcs = self.outer_loop(elements, self.harq, self.sinr_eff, TABLE, PDSCH)
        sinr_eff = self.eesm(self.sinr(self.h, self.fade, scheduled), mcs, TABLE, PDSCH)
        bits, self.harq, self.sinr_eff, *_ = self.decoding(
            mcs, sinr_eff=sinr_eff, num_allocated_re=elements, mcs_table_index=TABLE, mcs_category=PDSCH
        )
        self.note(bits, elements)

    def achievable(self) -> Any:
        """Computes the bits that a PRB could carry to each UE ``[B, C, 1, K, users]``, every cell at full load."""
        import torch

        heard = torch.einsum("buck,buc->buk", self.power, self.fade).unflatten(1, self.served.shape[1:])
        own, fade = (
            tensor.unflatten(1, self.served.shape[1:]).diagonal(dim1=1, dim2=3) for tensor in (self.power, self.fade)
        )
        own = own.movedim(-1, 1) * fade.movedim(-1, 1)[..., None]  # [B, C, users, K]
        return (DATA_RE * torch.log2(1 + own / (1 + (heard - own).clamp(min=0)))).movedim(-1, 2)[:, :, None]

    def note(self, bits: Any, elements: Any) -> None:
        """Adds the figures of a slot to the plausibility checks."""
        self.served += bits
        self.slots += 1
        self.prbs += float(elements.sum()) / DATA_RE
        self.blocks += int((self.harq >= 0).sum())
        self.acks += int((self.harq == 1).sum())

    def signs(self) -> dict[str, float]:
        """Returns figures by which the results can be checked for plausibility."""
        cells = self.batch * self.size.cells * self.slots
        return {
            "users_served": float((self.served > 0).float().mean()),
            "prbs_given": self.prbs / (cells * self.size.prbs),
            "mbps_per_cell": 1e-6 * float(self.served.sum()) / (cells * SLOT_S),
            "acks": self.acks / self.blocks,
        }


def prepare(size: Size, batch: int, sinr: Callable[[Size], Callable[..., Any]]) -> Session:
    """Builds the loop and draws its channel."""
    loop = SlotLoop(size, batch, sinr(size))
    return Session(advance=loop, slots=batch, signs=loop.signs)


_MODELS = (
    "interference per PRB through its LMMSE receiver, proportional fair per PRB, EESM, tables of block errors, inner "
    "and outer loop"
)
_LACKS = (
    "fading that is new on every PRB in every slot (rays drawn once, times a scalar per link and slot), delay of "
    "reports, HARQ retransmissions, queues, a record"
)
PEERS = [
    Peer(
        name="sionna-sys",
        distribution="sionna-no-rt",
        models=f"{_MODELS}; SINR of the scheduled UEs",
        lacks=_LACKS,
        reports="all users in every slot, their SINR at full load, without a delay",
        prepare=lambda size, batch: prepare(size, batch, sinr_of_scheduled),
        batches={"W1": (1, 8), "W2": (1, 4)},
    ),
    Peer(
        name="sionna-sys-all-users",
        distribution="sionna-no-rt",
        models=f"{_MODELS}; SINR of all users of a cell, as its shapes have it",
        lacks=_LACKS,
        reports="all users in every slot, their SINR at full load, without a delay",
        prepare=lambda size, batch: prepare(size, batch, sinr_of_all),
    ),
]
