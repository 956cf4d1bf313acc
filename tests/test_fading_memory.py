"""Memory of fading is used again, but never while somebody holds the block that it belongs to."""

from __future__ import annotations

from engine_factory import engine
from test_engine import rotate

from mac.cells import CellState
from mac.engine import Engine
from phy.random import Drops


def later(tested: Engine, state: CellState, slots: int) -> CellState:
    for _ in range(slots):
        observation = tested.observe(state)
        state, _ = tested.step(state, rotate(observation), observation.need_prbs)
    return state


def test_a_block_that_is_held_stays_as_it_is() -> None:
    tested = engine(Drops(1, (0, 1)))
    held = tested.start()
    before = held.block.coordinates.clone()
    first, again = (later(tested, held, 4 * tested.parts.block_slots).block for _ in range(2))
    assert held.block.coordinates.equal(before)
    assert first.coordinates.equal(again.coordinates)
    assert first.coordinates.data_ptr() != held.block.coordinates.data_ptr()


def test_what_nobody_holds_is_written_again() -> None:
    tested = engine(Drops(1, (0, 1)))
    state, places = tested.start(), set()
    for _ in range(8):
        state = later(tested, state, tested.parts.block_slots)
        places.add(state.block.coordinates.data_ptr())
    assert len(places) <= 2
