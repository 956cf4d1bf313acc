"""Makes the tree of a round: a networkx graph, or a GraphML file for Gephi, yEd, igraph or networkx."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import torch

from mac.metrics.windows import Array
from phy.sensors.radio_energy import transmit_j_per_bit

from ...errors import ScenarioError
from ...files import write_atomically
from .rounds import RoundChoice, RoundView, views

if TYPE_CHECKING:
    from ...run_result import RunResult

SINK = "sink"
"""Name of the sink's node; sensors are "0", "1", ..."""


def round_graph(view: RoundView) -> nx.DiGraph:
    """Makes the tree of a round: an edge from each live node to its parent; the root is the sink.

    Nodes have ``x_m``, ``y_m``, ``residual_j`` (charge after the round), ``alive`` (when the round began) and ``head``,
    both 0 or 1, and ``hops`` (to the sink; -1 for dead nodes, which have no edge). Edges have ``distance_m``
    and ``energy_j_per_packet``: what the sender's radio spends on a packet with its header, not what the receiver does.
    """
    account, here = view.scenario.account, view.position_m
    graph = nx.DiGraph(
        scenario=view.scenario.name,
        variant=view.variant or "",
        allocator=view.allocator,
        drop=view.drop,
        round=view.round,
        packet_bits=account.packet_bits,
        header_bits=account.header_bits,
    )
    sink = np.array(view.sink_m)
    graph.add_node(SINK, x_m=float(sink[0]), y_m=float(sink[1]), residual_j=0.0, alive=1, head=0)
    for node, (x, y) in enumerate(here.tolist()):
        graph.add_node(str(node), x_m=x, y_m=y, residual_j=float(view.charge_j[node]), alive=int(view.alive[node]),
                       head=int(view.head[node]))  # fmt: skip
    ends = np.where((view.parent >= 0)[:, None], here[view.parent.clip(min=0)], sink)
    distance = np.hypot(*(here - ends).T)
    energy = packet_j(view, distance)
    for node in np.flatnonzero(view.alive).tolist():
        parent = int(view.parent[node])
        graph.add_edge(str(node), str(parent) if parent >= 0 else SINK, distance_m=float(distance[node]),
                       energy_j_per_packet=float(energy[node]))  # fmt: skip
    known = hops(graph)
    nx.set_node_attributes(graph, {node: known.get(node, -1) for node in graph}, "hops")
    return graph


def packet_j(view: RoundView, distance_m: Array) -> Array:
    """Computes what a node's radio spends on sending one packet over these distances, in J."""
    account = view.scenario.account
    bit = transmit_j_per_bit(view.scenario.radio, torch.as_tensor(distance_m) ** 2).numpy()
    return np.asarray(bit * (account.packet_bits + account.header_bits), dtype=np.float64)


def hops(graph: nx.DiGraph) -> dict[str, int]:
    """Counts the hops from each node to the sink; nodes without a way to it are left out."""
    return dict(nx.single_source_shortest_path_length(graph.reverse(copy=False), SINK))


def write_graphml(view: RoundView, path: str | Path) -> Path:
    """Writes the tree of a round as GraphML and returns the path.

    Raises:
        ScenarioError: ``path`` is a folder, or cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise ScenarioError(f"{target} is a folder; name a file, such as {target / 'round.graphml'}")
    buffer = BytesIO()
    nx.write_graphml(round_graph(view), buffer)
    write_atomically(target, buffer.getvalue() + b"<!-- fairwave -->\n")
    return target


def save_round(result: RunResult, choice: RoundChoice, path: str | Path) -> Path:
    """Writes the one round that was chosen as GraphML: :func:`write_graphml`.

    Raises:
        ScenarioError: as :func:`.field_rounds.views`; or the run has several allocators, and none or more was chosen.
    """
    shown = views(result, choice)
    if len(shown) > 1:
        names = ", ".join(view.allocator for view in shown)
        raise ScenarioError(f"a graph is the tree of one allocator: choose with --allocator from {names}")
    return write_graphml(shown[0], path)
