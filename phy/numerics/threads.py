"""Splits the drops among threads, where one thread computes a drop from start to end.

Drops are independent of each other, so that their numbers are the same on any number of threads. Compiled loops and
products of matrices let other threads run meanwhile; torch itself keeps to one thread then, for its threads and these
would compete for the same cores.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

_WORTH_A_THREAD = 1_000_000


def share_out(work: Callable[[range], None], drops: int, of_each: int) -> None:
    """Calls ``work`` with ranges that together are all drops, at the same time where torch has several threads.

    Args:
        work: called with a range.
        drops: how many.
        of_each: numbers that a drop's part goes through; threads wait for each other for longer than small parts take.
    """
    threads = torch.get_num_threads()
    parts = min(threads, drops)
    if parts == 1 or of_each < _WORTH_A_THREAD:
        work(range(drops))
        return
    bounds = [drops * part // parts for part in range(parts + 1)]
    torch.set_num_threads(1)
    try:
        others = [_pool(threads).submit(work, range(*bounds[part : part + 2])) for part in range(1, parts)]
        work(range(bounds[1]))
        for other in others:
            other.result()
    finally:
        torch.set_num_threads(threads)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, "drops", torch.set_num_threads, (1,))
