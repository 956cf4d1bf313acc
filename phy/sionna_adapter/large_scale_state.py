"""Draws Sionna's rays in a large-scale state of ours, for UEs that move: :mod:`phy.sionna_adapter.moving`.

Line of sight, path loss, walls, shadowing, spreads and K-factors are those of :mod:`phy.tr38901.large_scale`, which
follow a UE; links are in the state that carries most of them. Sionna makes clusters and rays of it. At every state
it starts from the same seed, and it asks for as many random numbers whatever the state is, so that its rays change as
little as the state does. It sorts clusters by delay, and here they are put back into the order in which they were
drawn: a cluster then keeps its place, its phases and the random part of its directions, also when line of sight begins
or ends.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..channel.channel import ChannelPlan
from ..random import Drops
from ..tr38901.large_scale import IndoorState, SiteLinks
from ..tr38901.lsp_tables import NAMES
from .channel import SionnaLinks, seeded_generator, set_topology, sionna_scenario, velocity_mps

_LSP = {"ds": "DS", "asd": "ASD", "asa": "ASA", "zsa": "ZSA", "zsd": "ZSD"}
_ALL_RAYS = ("aoa", "aod", "zoa", "zod", "xpr")


def rays_in_state(
    drop: Drops, plan: ChannelPlan, links: SiteLinks, position: Tensor, indoor_state: IndoorState
) -> SionnaLinks:
    """Draws the rays of one drop by Sionna in a given large-scale state.

    Powers are made up to unit sum again where Sionna drops clusters 25 dB below the strongest, so that a link between
    isotropic antennas has the power that the state gives it.

    Args:
        drop: one drop.
        plan: of the channel.
        links: the state of its links, from :func:`phy.tr38901.large_scale.site_links`.
        position: of the UEs, wrapped, ``[1, U, 3]``.
        indoor_state: of the UEs, indoors or in a car.
    """
    with seeded_generator(drop) as generator:
        from sionna.phy.channel.tr38901 import RaysGenerator

        scenario = sionna_scenario(plan)
        set_topology(scenario, plan, position, indoor_state, (links.column == 0).transpose(1, 2))
        small, lsp = RaysGenerator(scenario), _parameters(links)
        small.topology_updated_callback()
        rays = _as_drawn(small(lsp))
        shape = (1, plan.topology.cells, *rays.aoa.shape[2:], 4)
        rays.phases = 2.0 * math.pi * torch.rand(shape, dtype=torch.float64, generator=generator) - math.pi
    return SionnaLinks(scenario, lsp, rays, velocity_mps(drop, plan), links.power.transpose(1, 2))


def _parameters(links: SiteLinks) -> Any:
    """Rearranges the large-scale parameters as Sionna takes them, ``[1, Si, U]`` each."""
    from sionna.phy.channel.tr38901 import LSP

    def of(name: str) -> Tensor:
        return links.values[..., NAMES.index(name)].transpose(1, 2)

    spreads = {name: torch.pow(10.0, of(ours)) for name, ours in _LSP.items()}
    sight = (links.column == 0).transpose(1, 2)
    k_factor = torch.where(sight, torch.pow(10.0, of("K") / 10.0), 1.0)  # of others it is not read
    return LSP(sf=torch.ones_like(k_factor), k_factor=k_factor, **spreads)


def _as_drawn(rays: Any) -> Any:
    """Sorts clusters into the order in which they were drawn, and scales powers to unit sum."""
    from sionna.phy.channel.tr38901 import Rays

    order = rays.cluster_sort_indices.argsort(-1)
    powers = torch.take_along_dim(rays.powers, order, -1)
    return Rays(
        delays=torch.take_along_dim(rays.delays, order, -1),
        powers=powers / powers.sum(-1, keepdim=True),
        **{name: torch.take_along_dim(getattr(rays, name), order[..., None], -2) for name in _ALL_RAYS},
    )
