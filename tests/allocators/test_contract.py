"""The contract check: kept by all allocators of fairwave, and each way of breaking it is found by its own check."""

from __future__ import annotations

import inspect
import json
import re
import threading
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from allocators import registry
from allocators.contract import check
from allocators.contract.check import CheckReport, check_allocator
from allocators.scheduling.max_rate import MaxRate
from allocators.scheduling.round_robin import RoundRobin
from allocators.slicing.equal import Equal
from mac.scheduling import SchedulingDecision, SchedulingObservation
from mac.slicing import SlicingDecision
from scenarios.cli.main import app

EVERY = [(name, family) for family in registry.families() for name in registry.available(family)]
FEW = {"rounds": 12, "steps": 3}
"""Of methods that go on until they have settled: in some cases they have by then, in others not, and each is a case."""


@pytest.mark.parametrize(("name", "family"), EVERY)
def test_every_allocator_keeps_the_contract(name: str, family: str) -> None:
    taken = inspect.signature(registry.load(registry.import_string(name, family))).parameters
    few = {key: value for key, value in FEW.items() if key in taken}
    report = check_allocator((lambda: registry.resolve(name, family, few)) if few else name, family)
    assert report.family == family
    assert report.ok, str(report)


def failed(report: CheckReport) -> list[str]:
    """Names of checks that failed, but for those that could not be made."""
    return [one.name for one in report.checks if not one.ok and not one.message.startswith("not known")]


class Scheduler(MaxRate):
    """Max rate, spoilt by ``change``."""

    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        return SchedulingDecision(self.change(super().decide(observation).user, observation))


class WrongShape(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user[:, :, :-1]


class WrongType(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user.to(torch.int32)


class NotANumber(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return torch.full_like(user, float("nan"), dtype=torch.float32)


class Negative(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user - 1


class NotATensor(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user.tolist()


class WrongDevice(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user.to("meta")


class UserTooMany(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user.clamp(min=observation.serving.shape[1])


class OtherCellsUser(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user.flip(1)


class OtherSlicesPrbs(Scheduler):
    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        return super().decide(replace(observation, owned=None))


class NoDecision(Scheduler):
    def decide(self, observation: SchedulingObservation) -> Any:
        return None


class Bare(Scheduler):
    def decide(self, observation: SchedulingObservation) -> Any:
        return super().decide(observation).user


class Mutates(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        observation.need_prbs.sub_(1).clamp_(min=0)
        return user


class RaisesAtOnce(Scheduler):
    def reset(self, context: Any, seed: int) -> None:
        raise RuntimeError("no licence")


class RaisesLate(Scheduler):
    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        if observation.slot == 25:
            raise ZeroDivisionError("division by zero")
        return user


class Forgetful(Scheduler):
    """Does not start anew in reset()."""

    count = 0

    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        self.count += 1
        return user if self.count % 3 else torch.full_like(user, -1)


class Shares(Scheduler):
    """What one instance did bears on the next."""

    made: list[int] = []  # noqa: RUF012 - the fault that is to be found

    def reset(self, context: Any, seed: int) -> None:
        super().reset(context, seed)
        if not hasattr(self, "number"):
            self.number = len(self.made)
            self.made.append(1)

    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return user if self.number % 2 else torch.full_like(user, -1)


class Draws(Scheduler):
    """Its own luck, not that of the drop."""

    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return torch.where(torch.rand(user.shape) < 0.5, user, -1)


class ByPlace(Scheduler):
    """Seeded, but the luck of a drop depends on its place in the batch."""

    def reset(self, context: Any, seed: int) -> None:
        super().reset(context, seed)
        self.luck = torch.Generator().manual_seed(seed)

    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return torch.where(torch.rand(user.shape, generator=self.luck) < 0.5, user, -1)


class Compares(Scheduler):
    """Looks at other drops."""

    def change(self, user: Any, observation: SchedulingObservation) -> Any:
        return torch.where(observation.rate_bits.mean() > observation.rate_bits.mean((1, 2))[:, None, None], user, -1)


class Locked(Scheduler):
    """Cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("broken", "check", "message"),
    [
        (WrongShape, "feasible", "must have shape"),
        (WrongType, "feasible", "must have dtype torch.int64, not torch.int32"),
        (NotANumber, "feasible", "must have dtype torch.int64, not torch.float32"),
        (Negative, "feasible", "user -2, which does not exist"),
        (NotATensor, "feasible", "must be a torch tensor, not list"),
        (WrongDevice, "feasible", "must be on cpu, not meta"),
        (UserTooMany, "feasible", "does not exist"),
        (OtherCellsUser, "feasible", "serves"),
        (OtherSlicesPrbs, "feasible", "not its slice"),
        (NoDecision, "feasible", "must return a SchedulingDecision, not NoneType"),
        (Bare, "feasible", "must return a SchedulingDecision, not Tensor"),
        (Mutates, "leaves the observation alone", "observation.need_prbs"),
        (RaisesAtOnce, "decides", r"in the case 'one user' reset\(\) raised RuntimeError: no licence"),
        (RaisesLate, "decides", r"'a long run' at interval 25 decide\(\) raised ZeroDivisionError"),
        (Forgetful, "repeats", "decides otherwise at interval"),
        (Shares, "can be made again", "decides otherwise at interval 0"),
        (Draws, "repeats", "decides otherwise at interval"),
        (ByPlace, "drops are independent", "drop 0 differs at interval 1"),
        (Compares, "drops are independent", "differs at interval 0"),
        (Locked(), "can be made again", "cannot be copied"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_breach_is_found_by_its_own_check(broken: Any, check: str, message: str) -> None:
    report = check_allocator(broken, "scheduling")
    assert not report.ok
    found = {one.name: one for one in report.checks}[check]
    assert not found.ok
    assert re.search(message, found.message), found.message
    if broken is not Draws:  # luck of one's own breaks several promises
        allowed = {check} | ({"drops are independent", "can be made again"} if broken in (Shares, Forgetful) else set())
        assert set(failed(report)) <= allowed, str(report)


class Controller(Equal):
    """Equal quotas, spoilt by ``change``."""

    def change(self, rbg: torch.Tensor) -> torch.Tensor:
        return rbg

    def decide(self, observation: Any) -> SlicingDecision:
        return SlicingDecision(self.change(super().decide(observation).rbg))


class OverCapacity(Controller):
    def change(self, rbg: torch.Tensor) -> torch.Tensor:
        return rbg + 1


class BelowTheLeast(Controller):
    def change(self, rbg: torch.Tensor) -> torch.Tensor:
        return rbg - rbg


class Fractions(Controller):
    def change(self, rbg: torch.Tensor) -> torch.Tensor:
        return rbg / 1.0


class NoCells(Controller):
    def change(self, rbg: torch.Tensor) -> torch.Tensor:
        return rbg[:, 0]


class WritesQuotas(Controller):
    def decide(self, observation: Any) -> SlicingDecision:
        observation.rbg.copy_(super().decide(observation).rbg)
        return SlicingDecision(observation.rbg)


@pytest.mark.parametrize(
    ("broken", "check", "message"),
    [
        (OverCapacity, "feasible", "RBGs of"),
        (BelowTheLeast, "feasible", "every slice keeps 1"),
        (Fractions, "feasible", "must have dtype torch.int64"),
        (NoCells, "feasible", "must have shape"),
        (WritesQuotas, "leaves the observation alone", "observation.rbg"),
    ],
)
def test_slice_controllers_too(broken: type, check: str, message: str) -> None:
    report = check_allocator(broken)
    assert report.family == "slicing" and failed(report) == [check]
    assert re.search(message, {one.name: one for one in report.checks}[check].message)


class Unannotated:
    """Nothing says what it decides on."""

    def __init__(self) -> None:
        self.inner = RoundRobin()

    def reset(self, context, seed):  # type: ignore[no-untyped-def]
        self.inner.reset(context, seed)

    def decide(self, observation):  # type: ignore[no-untyped-def]
        return self.inner.decide(observation)


class Stated(Unannotated):
    family = "scheduling"


class Neither(Unannotated):
    def decide(self, observation):  # type: ignore[no-untyped-def]
        return 3


class TestFamily:
    @pytest.mark.parametrize("given", [Unannotated, Unannotated(), Stated, MaxRate, MaxRate(), "m_lwdf"])
    def test_is_found(self, given: object) -> None:
        report = check_allocator(given)
        assert report.family == "scheduling" and report.ok, str(report)

    def test_where_it_fits_none_the_report_says_what_was_seen(self) -> None:
        report = check_allocator(Neither)
        assert not report.ok and report.family == "" and failed(report) == ["decides"]
        assert "tried --family scheduling: decide() returned int, not SchedulingDecision" in report.checks[0].message
        assert str(report).startswith("Neither breaks the contract of every family")

    @pytest.mark.parametrize(
        ("fails", "says"),
        [
            ("raise RuntimeError('no licence')", "decide() raised RuntimeError: no licence (PLUG, line 5)"),
            ("import sys; sys.exit(3)", "decide() raised SystemExit: 3 (PLUG, line 5)"),
        ],
    )
    @pytest.mark.parametrize("options", [[], ["--family", "slicing"]])
    def test_one_that_raises_is_told_with_its_line_in_one_document(
        self, fails: str, says: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        name = f"plug_raises{len(fails)}{len(options)}"
        head = "class Raises:\n    def reset(self, context, seed):\n        pass\n    def decide(self, observation):\n"
        Path(f"{name}.py").write_text(f"{head}        {fails}\n", "utf-8")
        done = CliRunner().invoke(app, ["check", f"{name}:Raises", "--json", *options])
        document = json.loads(done.stdout)
        assert done.exit_code == 2 and not document["ok"] and document["family"] == ("slicing" if options else "")
        first = document["checks"][0]
        assert says.replace("PLUG", f"{name}.py") in first["message"]
        assert options or "tried --family slicing: " in first["message"]

    def test_is_asked_for_where_several_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(check, "_misfit", lambda allocator, contract: "")
        with pytest.raises(ValueError, match="scheduling, slicing, uav, wsn: say --family auction or"):
            check_allocator(Neither)

    def test_is_asked_for_where_a_name_is_of_several(self) -> None:
        with pytest.raises(ValueError, match="families comp, scheduling: say --family comp or --family scheduling"):
            check_allocator("max_rate")

    def test_of_an_entry_point_without_one_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        points = [EntryPoint("nofam", "nowhere:Mine", registry.GROUP)]
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])
        says = r"entry point 'nofam' .* does not say its family: name it 'FAMILY\.nofam'"
        with pytest.raises(ValueError, match=says):
            check_allocator("nofam")

    def test_without_a_check_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no contract check for the family 'weather'"):
            check_allocator(MaxRate, "weather")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "int has no method reset"),
        ("no_such", "'no_such'"),
        ("surely_not_there:Mine", "there is no module"),
        (object(), "object has no method reset"),
    ],
)
def test_unusable_input_is_refused_with_one_sentence(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        check_allocator(given)
    assert "\n" not in str(caught.value)


def test_the_report_says_each_check_in_a_line() -> None:
    report = check_allocator(Mutates)
    lines = str(report).splitlines()
    assert lines[0] == "Mutates breaks the contract of the family scheduling"
    assert len(lines) == 1 + len(report.checks) and sum("FAIL" in line for line in lines) == 1


def test_a_given_allocator_is_not_touched() -> None:
    mine = RoundRobin()
    check_allocator(mine)
    assert not hasattr(mine, "_pointer")


def test_attributes_of_the_context_are_suggested_and_writes_into_it_found() -> None:
    class Looks:
        def reset(self, context: Any, seed: int) -> None:
            context.position_m.numpy()[...] = 0

        def decide(self, observation: Any) -> Any:
            return observation.position_m

    report = {one.name: one for one in check_allocator(Looks, "wsn").checks}
    assert "no attribute 'position_m'; did you mean context.position_m? (" in report["decides"].message

    class Writes(registry.load("allocators.wsn.direct:Direct")):  # type: ignore[misc]
        def reset(self, context: Any, seed: int) -> None:
            super().reset(context, seed)
            context.position_m.numpy()[...] = 0

    report = {one.name: one for one in check_allocator(Writes, "wsn").checks}
    assert report["leaves the observation alone"].message.endswith("reset() changed context.position_m")
