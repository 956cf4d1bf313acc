"""Computes decisions by a trained network: features in, actions out, projected to what is allowed. B drops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mac.core.contracts import InfeasibleDecision
from phy.random import Drops

from .. import families
from ..envs.choice import environment_of, find_actions, find_features
from ..envs.training_drops import training_drop
from .keras_file import read_keras
from .network import Network, TrainedFor
from .onnx_file import read_onnx
from .torch_file import read_torch


class Policy:
    """Decides as a trained network says, for all drops of a batch in one call.

    A row of the network's input holds the features of an agent or, of a central controller, those of all agents, one
    after the other; which of the two is told from the numbers that its first layer takes. Its output is a row of
    actions, or a score of each choice, of which the greatest that is open is taken. ``projected`` counts, for each drop
    since ``reset``, the actions that were projected to what is allowed.

    Args:
        network: as it was read.
        label: of it in errors.
        family: of the scenario; empty: that which the file tells.
        features: names, in the order of the input; None: those of the file, or else the usual ones of the family.
        actions: name of a mapping; None: that of the file, or else the first of the family.

    Raises:
        ValueError: the family has no environment, or the file is of another one; a name is not known.
    """

    def __init__(
        self,
        network: Network,
        label: str,
        family: str,
        features: Sequence[str] | None = None,
        actions: str | None = None,
    ) -> None:
        facts = network.trained_for
        self.network, self.label, self.family = network, label, _family_of(label, family, facts)
        self.environment = environment_of(families.find(self.family))
        names = features if features is not None or facts is None else list(facts.features)
        self.features = find_features(self.environment, names)
        self.actions = find_actions(self.environment, actions or (facts.actions if facts else None))
        self.projected = torch.zeros(0, dtype=torch.int64)

    def reset(self, context: Any, seed: int) -> None:
        """Starts on the drops of a context; the seed changes nothing."""
        drops = len(context.drops)
        self._context = context
        self._stack = self.environment.stack(self.features, context, drops)
        device = getattr(context, "device", torch.device("cpu"))
        self.network.to(device)
        self.projected = torch.zeros(drops, dtype=torch.int64, device=device)

    def decide(self, observation: Any) -> Any:
        """Returns the network's decision for all drops.

        Raises:
            ValueError: the network takes or gives another number of numbers.
            mac.core.contracts.InfeasibleDecision: its output is not finite.
        """
        with torch.no_grad():
            numbers = self._stack(observation)
            size = self.actions.size(observation, self._context)
            values = self._output(numbers, size)
            actions, beyond = self._project(values, observation)
            decision, infeasible = self.actions.decide(actions, observation, self._context)
        self.projected = self.projected + beyond + infeasible
        return decision

    def decision_counts(self) -> dict[str, Tensor]:
        """Returns how many actions were projected since ``reset``, of each drop."""
        return {"projected": self.projected}

    def try_on(self, scenario: Any) -> None:
        """Decides once on a drop of a scenario that no run has, so that what does not fit is found before a run.

        Raises:
            ValueError: the network does not fit the scenario.
        """
        from ..running.plan import device_of

        dtype = torch.float64 if scenario.dtype == "float64" else torch.float32
        drops = Drops(scenario.seed, (training_drop(0, 0),))
        problem = families.find(self.family).build(scenario, drops, torch.device(device_of(scenario)), dtype)
        self.reset(problem.context, scenario.seed)
        self.decide(problem.observe(problem.start()))

    def _output(self, numbers: Tensor, size: int) -> Tensor:
        """Computes the network's output, ``[B, agents, size]``."""
        drops, agents, width = numbers.shape
        self._require_trained_for(numbers, size)
        inputs = self.network.inputs
        each = agents > 1 and inputs == width
        if not each and inputs not in (None, agents * width):
            raise ValueError(f"{self.label} takes {inputs} numbers, and {self._offered(numbers)}")
        try:
            found = self.network.compute(numbers.reshape(drops * agents if each else drops, -1))
        except Exception as error:  # a module of a user's own may raise anything
            text = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(f"{self.label} cannot compute; {self._offered(numbers)}: {text}") from None
        return self._checked(found, (drops, agents, size), each)

    def _checked(self, found: Any, shape: tuple[int, int, int], each: bool) -> Tensor:
        drops, agents, size = shape
        rows, columns = (drops * agents, size) if each else (drops, agents * size)
        if not isinstance(found, Tensor) or found.shape != (rows, columns):
            given = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            what = "scores of choices" if self.actions.choices else "numbers"
            raise ValueError(
                f"{self.label} gives {given} of {rows} rows; {agents} {self.environment.agent}s with {size} {what} "
                f"each need [{rows}, {columns}]: {self.actions.description}"
            )
        bad = ~torch.isfinite(found).reshape(drops, -1).all(1)
        if bool(bad.any()):
            raise InfeasibleDecision(
                f"the output of {self.label} is not finite (NaN or infinite)", int(bad.nonzero()[0])
            )
        return found.reshape(shape)

    def _project(self, values: Tensor, observation: Any) -> tuple[Tensor, Tensor]:
        """Cuts outputs to the space of actions, and counts what lay beyond, int64 ``[B]``.

        Numbers end at -1 and 1. Of choices the greatest that is open is taken.
        """
        if not self.actions.choices:
            return values.clamp(-1.0, 1.0), (values.abs() > 1.0).flatten(1).sum(1)
        wanted = values.argmax(-1)
        if self.actions.mask is None:
            return wanted, torch.zeros_like(self.projected)
        closed = ~self.actions.mask(observation, self._context)
        chosen = values.masked_fill(closed, -torch.inf).argmax(-1)
        return chosen, (chosen != wanted).sum(1)

    def _require_trained_for(self, numbers: Tensor, size: int) -> None:
        """Refuses a scenario of another shape than that of the training.

        Raises:
            ValueError: it has another number of agents or choices.
        """
        facts = self.network.trained_for
        if facts is not None and (facts.agents, facts.size) != (numbers.shape[1], size):
            raise ValueError(
                f"{self.label} was trained on {facts.scenario} for {facts.agents} {self.environment.agent}s with "
                f"{facts.size} actions each, and this scenario has {numbers.shape[1]} with {size}: train it anew"
            )

    def _offered(self, numbers: Tensor) -> str:
        """Describes the input that this scenario has."""
        _, agents, width = numbers.shape
        listed = ", ".join(f"{name} {count}" for name, count in self._stack.widths.items())
        facts = self.network.trained_for
        before = ", ".join(f"{name} {count}" for name, count in facts.features.items()) if facts else ""
        trained = f"; it was trained on {before}" if before else ""
        if missing := [name for name in (facts.features if facts else ()) if name not in self._stack.widths]:
            trained += f": missing {', '.join(missing)}"
        return f"here are {agents} {self.environment.agent}s with {width} numbers each ({listed}){trained}"


def _family_of(label: str, family: str, facts: TrainedFor | None) -> str:
    if facts is None and not family:
        raise ValueError(f"{label} does not tell its family: say --family")
    if facts is not None and family not in ("", facts.family):
        raise ValueError(
            f"{label} was trained for the family '{facts.family}' (on {facts.scenario}), and this is one of '{family}'"
        )
    return family or (facts.family if facts else "")


def torch_policy(
    file: str, family: str, features: list[str] | None = None, actions: str | None = None, module: str | None = None
) -> Policy:
    """Makes a policy of a file of PyTorch; :func:`.torch_file.read_torch` says which."""
    return Policy(read_torch(Path(file), module), file, family, features, actions)


def onnx_policy(file: str, family: str, features: list[str] | None = None, actions: str | None = None) -> Policy:
    """Makes a policy of an ONNX file."""
    return Policy(read_onnx(Path(file)), file, family, features, actions)


def keras_policy(file: str, family: str, features: list[str] | None = None, actions: str | None = None) -> Policy:
    """Makes a policy of a file of Keras 3."""
    return Policy(read_keras(Path(file)), file, family, features, actions)
