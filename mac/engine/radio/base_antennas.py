"""Computes what base stations receive from UEs with one transmitting port: with a single antenna, or with panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from phy.link.response import Response
from phy.link.uplink_mimo import disturbance_covariance, received_sinr
from phy.link.uplink_sinr import own_links, scheduled_links, signal_and_interference, steering_of_prbs

from ..state import EngineParts, SlotBlockResponse
from .panels import MatrixResponses, Panels
from .scalar_fading import ScalarFading, ScalarResponses

R = TypeVar("R", contravariant=True)


@dataclass(frozen=True)
class HeardUplink:
    """Holds what the cells receive on each of their PRBs, over noise."""

    sinr: Tensor  # [B, C, K] of the UE on the PRB
    rise: Tensor  # [B, C, K] interference and noise, mean over antennas
    disturbance: Tensor  # the same as the antennas know it: [B, C, K], or covariances [B, C, K, Nt, Nt]


class BaseAntennas(Protocol[R]):
    """Describes the antennas of the cells; ``R`` is the type of the channel's responses in a slot."""

    @property
    def slots_at_once(self) -> int:
        """Returns the slots of a response; they divide a block."""

    @property
    def follows_serving(self) -> bool:
        """Returns whether a response is of the serving cells."""

    def respond(self, first_slot: int) -> SlotBlockResponse[object]:
        """Computes the responses of links from a slot on."""

    def white(self, disturbed: Tensor) -> Tensor:
        """Returns the disturbance of a power ``[B, C, K]`` that is the same in every direction."""

    def receive(self, response: R, user: Tensor, power: Tensor) -> HeardUplink:
        """Computes what is received in a slot.

        Args:
            response: of the slot.
            user: int64 ``[B, C, K]``, a UE for every PRB of every cell, which serves it.
            power: ``[B, C, K]`` over the reference of the links, 0 where no UE sends.
        """

    def sounded(self, response: R, serving: Tensor, power: Tensor, disturbance: Tensor) -> Tensor:
        """Computes the SINR of every UE at its serving cell, ``[B, U, K]``.

        Args:
            response: of the slot.
            serving: int64 ``[B, U]``.
            power: ``[B, U]`` on each PRB.
            disturbance: as in :class:`HeardUplink`.
        """


class BaseAntenna:
    """Computes what cells with a single antenna receive."""

    follows_serving = False

    def __init__(self, parts: EngineParts) -> None:
        self._fading, self._to_prbs = ScalarFading(parts), parts.channel.fading.to_prbs
        self.slots_at_once, self._steering = self._fading.slots_at_once, steering_of_prbs(self._to_prbs)

    def respond(self, first_slot: int) -> ScalarResponses:
        """Computes the responses of links from a slot on."""
        return self._fading.respond(first_slot)

    def white(self, disturbed: Tensor) -> Tensor:
        """Returns the power itself, ``[B, C, K]``."""
        return disturbed

    def receive(self, response: Response, user: Tensor, power: Tensor) -> HeardUplink:
        """Computes what is received in a slot."""
        by_prb = user.transpose(1, 2).contiguous()
        links = scheduled_links(response.coordinates, self._steering, by_prb)
        signal, disturbed = signal_and_interference(links, power.transpose(1, 2))
        return HeardUplink(signal / disturbed, disturbed, disturbed)

    def sounded(self, response: Response, serving: Tensor, power: Tensor, disturbance: Tensor) -> Tensor:
        """Computes the SINR of every UE at its serving cell, ``[B, U, K]``."""
        links = own_links(response.coordinates, self._to_prbs, serving)
        around = disturbance.gather(1, serving[..., None].expand(links.shape))
        return links.mul_(power[..., None]).div_(around)


class BasePanels:
    """Computes what cells with panels receive through a linear receiver; UEs send from their first port."""

    follows_serving = True

    def __init__(self, parts: EngineParts) -> None:
        self._panels = Panels(parts)
        self.slots_at_once, self._receiver = self._panels.slots_at_once, self._panels.settings.receiver
        self._prb = torch.arange(parts.prbs, device=parts.device)

    def respond(self, first_slot: int) -> MatrixResponses:
        """Computes the matrices that are held from a slot on."""
        return self._panels.respond(first_slot)

    def white(self, disturbed: Tensor) -> Tensor:
        """Returns covariances ``[B, C, K, Nt, Nt]`` of this power at every port."""
        ports = self._panels.settings.base.ports
        return disturbed[..., None, None] * torch.eye(ports, dtype=disturbed.dtype, device=disturbed.device)

    def receive(self, response: MatrixResponses, user: Tensor, power: Tensor) -> HeardUplink:
        """Computes what is received in a slot, drop by drop."""
        drops = [self._receive_drop(b, response, user[b], power[b]) for b in range(len(user))]
        sinr, covariance = (torch.stack(part) for part in zip(*drops, strict=True))
        return HeardUplink(sinr, covariance.diagonal(dim1=-2, dim2=-1).real.mean(-1), covariance)

    def _receive_drop(self, drop: int, response: MatrixResponses, user: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
        """Computes SINR ``[C, K]`` and covariance ``[C, K, Nt, Nt]`` of one drop."""
        heard = response.scheduled(drop, user, self._prb, power)
        vectors = heard.channel[0, ..., 0, :]  # [C, K, J, Nt]
        rest = response.cells.rest_snr[drop][user]
        covariance = disturbance_covariance(vectors, heard.cell[0], rest, power)
        return received_sinr(vectors[:, :, 0], power, covariance, self._receiver), covariance

    def sounded(self, response: MatrixResponses, serving: Tensor, power: Tensor, disturbance: Tensor) -> Tensor:
        """Computes the SINR of every UE at its serving cell, ``[B, U, K]``, drop by drop."""
        own = response.matrices[:, :, :, 0, 0]
        drops = zip(own, power, disturbance, serving, strict=True)
        return torch.stack(
            [
                received_sinr(vectors, level[:, None].expand(vectors.shape[:2]), around[cell], self._receiver)
                for vectors, level, around, cell in drops
            ]
        )
