"""Draws are pure functions of (seed, drop, stream, counter), uniform, normal and independent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from backend_cases import torch_alone
from scipy import stats

from phy.random import Drops, normal, phasors, rows, stream_key, uniform


def test_the_same_number_however_it_is_drawn() -> None:
    batch = Drops(3, (0, 7, 9)).keys("air")
    whole = uniform(batch, (4, 6))
    assert torch.equal(whole[1:2], uniform(Drops(3, (7,)).keys("air"), (4, 6)))
    assert torch.equal(whole.flatten(1)[:, 10:], uniform(batch, (14,), start=10))


@pytest.mark.parametrize(("seed", "drop"), [(0, 0), (7, 2**32 - 1), (2**40 + 3, 5)])
def test_keys_are_those_of_numpy(seed: int, drop: int) -> None:
    state = np.random.SeedSequence([seed, drop, *b"air"]).generate_state(1, np.uint64)[0]
    assert stream_key(seed, drop, "air") == int(state.astype(np.int64))


def test_rows_of_a_large_draw_alone() -> None:
    key, some = Drops(3, (7,)).keys("air"), torch.tensor([5, 0, 2, 5])
    assert torch.equal(uniform(rows(key, some, 12), (3, 4)), uniform(key, (6, 3, 4))[0, some])


def test_large_draws_in_compiled_loops_are_those_of_torch() -> None:
    keys = Drops(3, (0, 7)).keys("air")
    drawn = uniform(keys, (70, 100), start=5), phasors(keys, 70, 100, torch.float64, 3.0)
    with torch_alone():
        expected = uniform(keys, (70, 100), start=5), phasors(keys, 70, 100, torch.float64, 3.0)
    assert torch.equal(drawn[0], expected[0])
    assert (drawn[1] - expected[1]).abs().max() < 3e-15


@pytest.mark.parametrize("bins", [4, 64, 1000])
def test_uniform_in_the_counter_and_in_the_key(bins: int) -> None:
    for drawn in (uniform(torch.tensor([11]), (200_000,))[0], uniform(torch.arange(200_000), (1,))[:, 0]):
        assert ((drawn > 0) & (drawn < 1)).all()
        count = np.bincount((drawn.numpy() * bins).astype(int), minlength=bins)
        assert stats.chisquare(count).pvalue > 1e-4


def test_normal_is_normal() -> None:
    drawn = normal(torch.tensor([5]), (100_000,))[0].numpy()
    assert stats.kstest(drawn, "norm").pvalue > 1e-3
    assert np.abs(drawn).max() > 4


def test_streams_seeds_drops_and_neighbours_are_independent() -> None:
    keys = [stream_key(seed, drop, name) for seed in (0, 1) for drop in (0, 1) for name in ("los", "shadowing")]
    assert len(set(keys)) == 8
    drawn = uniform(torch.tensor(keys), (50_000,)).numpy()
    off_diagonal = np.corrcoef(drawn)[~np.eye(8, dtype=bool)]
    assert np.abs(off_diagonal).max() < 0.02
    assert abs(np.corrcoef(drawn[0, 1:], drawn[0, :-1])[0, 1]) < 0.02


def test_keys_are_what_they_were() -> None:
    """Stored runs can be repeated only as long as these numbers stay."""
    assert stream_key(1, 2, "los") == KEY
    assert uniform(torch.tensor([KEY]), (2,))[0].tolist() == pytest.approx(VALUES, abs=1e-15)


KEY, VALUES = 6523857579040804410, [0.8472848911304373, 0.07045209222671922]
