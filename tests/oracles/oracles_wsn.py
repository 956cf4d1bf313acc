"""A round of a sensor field in plain loops: packets one by one up the tree, joules cause by cause."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mac.wsn.settings import AccountSettings
from phy.sensors.radio_energy import SensorRadioSettings


@dataclass
class Field:
    """One field and its batteries."""

    place: list[tuple[float, float]]
    sink: tuple[float, float]
    charge: list[float]


def joules_to_send(radio: SensorRadioSettings, distance_m: float) -> float:
    """A bit over a distance."""
    crossover = radio.crossover_m
    if distance_m < crossover:
        return radio.electronics_j_per_bit + radio.amplifier_j_per_bit_m2 * distance_m**2
    assert radio.amplifier_j_per_bit_m4 is not None
    return radio.electronics_j_per_bit + radio.amplifier_j_per_bit_m4 * distance_m**4


def packets_sent(parent: list[int], head: list[bool], own: list[int], node: int) -> int:
    """Packets that a node sends up: one if it fuses, else its own and all that it receives."""
    total = own[node] + packets_received(parent, head, own, node)
    return min(total, 1) if head[node] else total


def packets_received(parent: list[int], head: list[bool], own: list[int], node: int) -> int:
    """Packets that its children send."""
    return sum(packets_sent(parent, head, own, child) for child, up in enumerate(parent) if up == node)


def play(
    field: Field,
    parent: list[int],
    head: list[bool],
    radio: SensorRadioSettings,
    account: AccountSettings,
    fuses_own: list[bool] | None = None,
) -> tuple[list[float], list[dict[str, float]], list[bool]]:
    """What is left, what each node paid by cause, and whose packets arrive, without control messages."""
    nodes = len(parent)
    alive = [charge > 0 for charge in field.charge]
    own = [int(lives) for lives in alive]
    ups = [up if lives else -2 for up, lives in zip(parent, alive, strict=True)]
    bits = account.packet_bits + account.header_bits
    paid, left, able = [], [], []
    for node in range(nodes):
        target = field.sink if ups[node] == -1 else field.place[max(ups[node], 0)]
        sent, received = packets_sent(ups, head, own, node), packets_received(ups, head, own, node)
        pays = account.fuse_own and (fuses_own is None or fuses_own[node])
        fused = (received + own[node] * pays) if head[node] else 0
        ask = {
            "transmit": sent * bits * joules_to_send(radio, math.dist(field.place[node], target)),
            "receive": received * bits * radio.electronics_j_per_bit,
            "aggregate": fused * account.packet_bits * radio.aggregation_j_per_bit,
            "listen": account.listen_j if received else 0.0,
            "sense": own[node] * account.sense_j,
            "idle": alive[node] * account.idle_j,
        }
        need = sum(ask.values())
        whole = need <= field.charge[node]
        share = 1.0 if whole else field.charge[node] / need
        paid.append({cause: joules * share for cause, joules in ask.items()})
        left.append(field.charge[node] - need if whole else 0.0)
        able.append(whole and alive[node] and sent > 0)
    return left, paid, [own[node] > 0 and _arrives(ups, able, node) for node in range(nodes)]


def _arrives(parent: list[int], able: list[bool], node: int) -> bool:
    if not able[node]:
        return False
    return parent[node] == -1 or _arrives(parent, able, parent[node])
