"""As ``test_sionna_sinr.py``: fading and SINR against Sionna's rays on the same large-scale state, in UMi and RMa.

Of this one network of 16 drops, 1120 users, quantiles from 5 to 95 % are at most 0.24 dB apart in UMi and 0.34 dB in
RMa. Half of that and more is chance: over four networks of 24 drops a gap has a standard deviation of up to 0.2 dB in
UMi and 0.4 dB in RMa, where few users stand far out in the tails, and the means of these gaps are at most 0.20 and
0.16 dB.
"""

from __future__ import annotations

import pytest
import torch
from sionna_networks import Network, correlation, network_of, quantiles, sinr_db

from phy.random import Drops

pytest.importorskip("sionna.phy.channel.tr38901")

DROPS = 16
APART_DB = {"umi": 0.4, "rma": 0.5}


@pytest.fixture(scope="module", params=["umi", "rma"])
def network(request: pytest.FixtureRequest) -> tuple[str, Network]:
    return request.param, network_of(request.param, Drops(1, tuple(range(DROPS))))


@pytest.mark.filterwarnings("ignore:path-loss")
def test_sinr_of_every_prb(network: tuple[str, Network]) -> None:
    """Quantiles 5 to 95 % of the SINR, and of its distance from the SINR without fading (0.20 and 0.43 dB)."""
    model, made = network
    flat = sinr_db(made, torch.ones_like(made.ours[..., :1, :]), 0)
    ours, theirs = (torch.stack([sinr_db(made, h, slot) for slot in range(3)]) for h in (made.ours, made.theirs))
    assert float((quantiles(ours) - quantiles(theirs)).abs().max()) < APART_DB[model]
    assert float((quantiles(ours - flat) - quantiles(theirs - flat)).abs().max()) < 0.5


@pytest.mark.parametrize("prbs", [1, 4, 16, 40])
def test_frequency_correlation(network: tuple[str, Network], prbs: int) -> None:
    """Links outdoors without line of sight; Sionna's clusters have sub-clusters, ours share a basis over frequency."""
    _, made = network
    ours, theirs = (correlation(h, prbs, made.scattered) for h in (made.ours, made.theirs))
    assert ours == pytest.approx(theirs, abs=0.05)
