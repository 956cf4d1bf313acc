"""The slot loop with an serving plan never waits for its device: nothing in it reads a tensor's value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import torch
from handover_cases import PERIOD, all_in_turn, mobile
from torch.utils._python_dispatch import TorchDispatchMode

from mac.scheduling.observe import observe
from phy.random import Drops

_READS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "_unique2", "unique_dim"}


class NothingIsRead(TorchDispatchMode):
    """Raises where an operation would have to wait for a value, as on a GPU it would."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The operation, unless it reads values."""
        name = func.overloadpacket.__name__
        masks = name in ("index", "index_put", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in _READS or masks:
            raise AssertionError(f"{name} reads a tensor")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: x.masked_select(x > 0),
        lambda x: torch.equal(x, x),
    ],
)
def test_reading_is_seen(read: Callable[[torch.Tensor], object]) -> None:
    with pytest.raises(AssertionError, match="reads a tensor"), NothingIsRead():
        read(torch.ones(3))


@pytest.mark.parametrize("saturated", [False, True])
def test_slots_between_and_at_measurements(saturated: bool) -> None:
    slots = 4 * PERIOD + 5
    tested = mobile(Drops(1, (0, 1)), slots + 20, saturated)
    state = tested.start()
    handovers = torch.zeros((), dtype=torch.float64)
    with NothingIsRead():
        for _ in range(slots):
            observation = observe(tested, state)
            assert observation.head_of_line().shape == tested.shape
            state, outcome = tested.step(state, all_in_turn(observation.roster, tested), observation.need_prbs)
            handovers = handovers + outcome.counters[tested.counters.index("handovers")].sum()
    assert handovers.item() > 10
