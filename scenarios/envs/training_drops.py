"""Numbers the drops on which learners train, so that no run ever draws one of them.

A drop is a function of the scenario's seed and of its number (:mod:`phy.random`). Runs number their drops from 0 and
have a million at most; those of training begin at 2^62. Their keys differ for every stream: of the words from which a
key is hashed, the second one of a training drop's number is at least 2^30, and where a run's key has a character of the
stream's name in its place, that is below 2^8.
"""

from __future__ import annotations

from typing import Any

from ..errors import ScenarioError, shown

FIRST = 1 << 62
_EPISODES = 1 << 28
MOST_SEED = (1 << 33) - 1
"""Greatest seed of an episode: more than any 32-bit seed, so that ``seed + i`` has room."""


def training_drop(seed: int, episode: int) -> int:
    """Computes the number of the drop of an episode.

    Args:
        seed: of the environment, 0 to :data:`MOST_SEED`.
        episode: how many episodes the environment began since that seed was set.

    Raises:
        ScenarioError: the seed is out of range.
    """
    require_seed(seed)
    return FIRST + seed * _EPISODES + episode % _EPISODES


def require_seed(seed: Any) -> None:
    """Refuses a seed that cannot be.

    Raises:
        ScenarioError: it is no whole number, or out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MOST_SEED:
        raise ScenarioError(f"the seed of an environment is a whole number from 0 to {MOST_SEED}, given {shown(seed)}")
