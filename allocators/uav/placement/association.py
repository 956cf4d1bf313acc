"""Computes the proportional fair association of users and UAVs.

B drops, V UAVs, U users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mac.uav import UavContext, UavObservation
from mac.uav.types import UNSERVED

from .known_users import KnownUsers
from .links import Links, measure_links

Array = NDArray[np.float64]

_SPARE = 1.5  # places of a UAV at first, over an even load


@dataclass(frozen=True)
class Associated:
    """Holds the serving UAV of each user in an interval."""

    serving: Tensor  # [B, U] int64, UNSERVED where none does
    efficiency: Tensor  # [B, U] bit/s/Hz from the serving UAV


class FairAssociation:
    """Keeps the association of users, made anew every so often at the present positions.

    Args:
        context: of the run.
        every_s: time between two associations.
    """

    def __init__(self, context: UavContext, every_s: float) -> None:
        self._context = context
        self._every = max(1, round(every_s / context.interval_s))
        self._serving = torch.full((len(context.drops), context.users), UNSERVED, device=context.device)

    def update(self, observation: UavObservation, users: KnownUsers) -> Associated:
        """Updates the association where it is time.

        A user that its UAV can no longer serve gets the best other one; with ``radio.max_users`` none.
        """
        snr, uav_m = observation.snr.to(torch.float64), observation.position_m.to(torch.float64)
        links = measure_links(self._context, snr, uav_m, users.place_m, observation.noise_rise)
        if observation.interval % self._every == 0:
            all_users = torch.ones_like(users.weight, dtype=torch.bool)  # data may come before the next association
            self._serving = associate_fairly(links, all_users, self._context.radio.max_users)
        serving = self._serving
        served = (serving >= 0) & links.usable.gather(1, serving.clamp(min=0)[:, None])[:, 0]
        if self._context.radio.max_users is None:
            best, strongest = torch.where(links.usable, links.efficiency, -1.0).max(1)
            serving, served = torch.where(served, serving, strongest), served | (best >= 0)
        efficiency = links.efficiency.gather(1, serving.clamp(min=0)[:, None])[:, 0]
        return Associated(torch.where(served, serving, UNSERVED), efficiency)


def associate_fairly(links: Links, wants: Tensor, most: int | None) -> Tensor:
    """Chooses a UAV for each user so that the sum of the logarithms of their rates is greatest, int64 ``[B, U]``.

    With equal shares, which are the proportional fair ones, a user of a UAV that serves n gets the spectral efficiency
    over n. The sum over users is that of ``log efficiency`` less ``n log n`` of each UAV; as ``n log n`` is convex, the
    n-th place at a UAV costs ``n log n - (n - 1) log(n - 1)``, and the best association is an assignment of users to
    places (``scipy.optimize.linear_sum_assignment``), exactly. The objective is that of Ye, Rong, Chen, Al-Shalash,
    Caramanis, Andrews, "User association for load balancing in heterogeneous cellular networks", IEEE Trans. Wireless
    Commun. 12(6), 2013; the places are ours. Users beyond ``most`` for each UAV are not served.

    Args:
        links: of all users and UAVs.
        wants: users that have data, bool ``[B, U]``.
        most: users of a UAV at most.
    """
    gain = torch.where(links.usable, links.efficiency, 0.0).clamp(min=1e-12).log()
    able = (links.usable & wants[:, None]).any(1)
    serving = torch.full_like(able, UNSERVED, dtype=torch.int64)
    for drop in range(len(able)):
        user = able[drop].nonzero()[:, 0]
        if len(user) == 0:
            continue
        uav = _of_drop(gain[drop][:, user].T.cpu().numpy(), len(user) if most is None else most)
        serving[drop, user] = torch.from_numpy(uav).to(serving.device)
    return torch.where(links.usable.gather(1, serving.clamp(min=0)[:, None])[:, 0], serving, UNSERVED)


def _of_drop(gain: Array, most: int) -> NDArray[np.int64]:
    """Chooses the UAV of each user, -1 for none, of ``[U, V]``. Places are added while some UAV has used up its own."""
    from scipy.optimize import linear_sum_assignment  # here, as it takes half a second

    users, uavs = gain.shape
    places = min(most, int(np.ceil(_SPARE * users / uavs)))
    while True:
        number = np.arange(1.0, places + 1.0)
        load = number * np.log(number)
        cost = (np.diff(load, prepend=0.0) - gain[:, :, None]).reshape(users, -1)
        row, column = linear_sum_assignment(cost)
        uav = np.full(users, UNSERVED, dtype=np.int64)
        uav[row] = column // places
        if places >= min(most, users) or np.bincount(uav[row], minlength=uavs).max() < places:
            return uav
        places = min(most, users, 2 * places)
