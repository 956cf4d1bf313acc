"""Keeps the last reported position of each user.

B drops, V UAVs, U users.
"""

from __future__ import annotations

import torch

from mac.uav import UavContext, UavObservation


class KnownUsers:
    """Holds the users with a position that was ever reported; a user that is no longer heard keeps its last one.

    Args:
        context: of the run.
    """

    def __init__(self, context: UavContext) -> None:
        drops, users = len(context.drops), context.users
        self.place_m = torch.zeros((drops, users, 2), dtype=torch.float64, device=context.device)
        """Last reported position, ``[B, U, 2]``."""
        self.weight = torch.zeros((drops, users), dtype=torch.float64, device=context.device)
        """1 for users with a known position, else 0, ``[B, U]``."""

    def update(self, observation: UavObservation) -> None:
        """Stores the positions that the interval reports."""
        known = observation.known
        self.place_m = torch.where(known[..., None], observation.user_m.to(torch.float64), self.place_m)
        self.weight = torch.where(known, 1.0, self.weight)
