"""Measures mobile-env: its environment with as many stations and UEs as the workload has cells and UEs."""

from __future__ import annotations

import math
import os
import random
from typing import Any

from benchmarks.peers.base import Peer, Session, Size, around

PITCH_M = 60.0
"""Between stations, about as in its own scenarios, where every user of a cell can connect."""


def prepare(size: Size, batch: int) -> Session:
    """Builds an environment whose UEs do not move and are connected to the nearest station."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import numpy
    from mobile_env.core.base import MComCore
    from mobile_env.core.entities import BaseStation, UserEquipment
    from mobile_env.core.movement import Movement

    columns = math.ceil(math.sqrt(size.cells))
    places = [(PITCH_M * (cell % columns + 0.5), PITCH_M * (cell // columns + 0.5)) for cell in range(size.cells)]
    draw = random.Random(1)

    class Still(Movement):  # type: ignore[misc]
        def initial_position(self, ue: Any) -> tuple[float, float]:
            x, y = places[ue.ue_id // size.users_per_cell]
            dx, dy = around(draw.random(), draw.random(), 2.0, 0.45 * PITCH_M)
            return x + dx, y + dy

        def move(self, ue: Any) -> tuple[float, float]:
            return ue.x, ue.y

    config = MComCore.default_config()
    endless = 10**9
    config.update(width=columns * PITCH_M, height=columns * PITCH_M, EP_MAX_TIME=endless, movement=Still)
    config["arrival_params"]["ep_time"] = endless
    stations = [BaseStation(cell, place, **config["bs"]) for cell, place in enumerate(places)]
    users = [UserEquipment(number, **config["ue"]) for number in range(size.users)]
    env = MComCore(stations, users, config)
    env.reset(seed=1)
    env.step(numpy.arange(size.users) // size.users_per_cell + 1)  # every UE connects; zero leaves it at that
    nothing_new = numpy.zeros(size.users, dtype=int)

    def signs() -> dict[str, float]:
        connected = {ue for connections in env.connections.values() for ue in connections}
        return {"users_served": len([ue for ue in connected if env.macro[ue] > 0]) / size.users}

    return Session(advance=lambda: env.step(nothing_new), slots=1, signs=signs)


PEERS = [
    Peer(
        name="mobile-env",
        distribution="mobile-env",
        models="path loss; a cell's band in equal parts, which is proportional fair where nothing fades; utilities, "
        "observation and reward of an agent (a step counts as a slot)",
        reports="none",
        lacks="slots, PRBs, interference, fading, transport blocks and their errors, HARQ, queues",
        prepare=prepare,
    )
]
