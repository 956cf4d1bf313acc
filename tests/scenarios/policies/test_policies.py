"""Trained networks as allocators: what they decide, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_policies
import torch
from small_policies import FEATURES, MOVES, SMALL, WEIGHTS, Declared, policy
from torch import nn
from typer.testing import CliRunner

import scenarios
from allocators import registry
from mac.core.contracts import AllocatorError
from phy.random import Drops
from scenarios import families
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.policies.allocator import Policy
from scenarios.policies.network import Network
from scenarios.policies.policy_file import Mlp

PARAMS = {"features": list(FEATURES)}


def run(out: Path, name: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
    entry = {"name": name, "label": "policy", "params": params or {}}
    return scenarios.run(SMALL, [entry], out=out / "run", progress=False, plots=False, **options)


def problem(numbers: tuple[int, ...]) -> Any:
    settled = scenarios.load(SMALL)
    return families.find("slicing").build(settled, Drops(1, numbers), torch.device("cpu"), torch.float32)


def decided(network: Any, numbers: tuple[int, ...], actions: str = "weights") -> tuple[Policy, Any]:
    one = problem(numbers)
    made = Policy(Network(network, 6), "a network", "slicing", list(FEATURES), actions)
    made.reset(one.context, 0)
    return made, made.decide(one.observe(one.start()))


def test_a_policy_decides_by_its_features_and_actions() -> None:
    """Worked out by hand: weights 1, 0 and -0.5 share 4 RBGs 2 : 1 : 0.5, and 9 and -7 are cut to 1 and -1."""
    seen = []

    def network(numbers: torch.Tensor) -> torch.Tensor:
        seen.append(numbers)
        return torch.tensor([[1.0, 0.0, -0.5], [9.0, -7.0, -1.0]])

    made, decision = decided(network, (0, 5))
    one = problem((0, 5))
    first = one.observe(one.start())
    expected = torch.cat((first.rbg / one.context.rbgs, torch.log1p(first.backlog_bits / 1e6)), -1)[:, 0]
    assert len(seen) == 1 and torch.equal(seen[0], expected.float())
    assert decision.rbg.sum(-1).tolist() == [[one.context.rbgs]] * 2
    assert decision.rbg[1, 0].tolist() == [one.context.rbgs - 2, 1, 1]
    assert made.projected.tolist() == [0, 2]


def test_of_choices_the_greatest_that_is_open_is_taken_and_closed_ones_are_counted() -> None:
    one = problem((0,))
    held = one.observe(one.start()).rbg[0, 0]
    made, decision = decided(lambda numbers: torch.tensor([[0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0]]), (0,), "moves")
    moved = int(held[0] > 1)
    assert made.projected.tolist() == [1 - moved]
    assert int(held[0] - decision.rbg[0, 0, 0]) == moved


def test_a_run_is_the_same_in_any_batch_and_resumes_only_with_the_same_file(tmp_path: Path) -> None:
    name = policy(tmp_path / "policy.pt", MOVES)
    together, alone = run(tmp_path / "a", name), run(tmp_path / "b", name, drops_per_batch=1)
    assert together.per_drop["value"].equals(alone.per_drop["value"])
    run(tmp_path / "a", name, resume=True)
    policy(tmp_path / "policy.pt", replace(MOVES, features={"share_held": 3, "served": 3}))
    with pytest.raises(ScenarioError, match=r"--resume would mix: .*policy\.pt has changed"):
        run(tmp_path / "a", name, resume=True)


def test_a_state_dict_a_script_and_a_policy_decide_alike(tmp_path: Path) -> None:
    network = Declared()
    torch.save(network.state_dict(), tmp_path / "state.pt")
    with pytest.deprecated_call():
        torch.jit.script(network).save(tmp_path / "script.pt")
    declared = {**PARAMS, "module": "small_policies:Declared"}
    one = run(tmp_path / "a", f"torch:{tmp_path / 'state.pt'}", declared)
    other = run(tmp_path / "b", f"torch:{tmp_path / 'script.pt'}", PARAMS)
    assert one.per_drop["value"].equals(other.per_drop["value"])


def test_one_network_may_decide_for_each_agent(tmp_path: Path) -> None:
    one = families.find("uav")
    settled = scenarios.load("uav-hotspot")
    flying = one.build(settled, Drops(1, (0, 1)), torch.device("cpu"), torch.float32)
    network = Mlp([2, 3])
    made = Policy(Network(network, 2), "a network", "uav", ["nearest"])
    made.reset(flying.context, 0)
    seen = flying.observe(flying.start())
    decision = made.decide(seen)
    assert decision.velocity_mps.shape == (2, flying.context.uavs, 3)


def test_check_takes_a_policy(tmp_path: Path) -> None:
    name = policy(tmp_path / "policy.pt")
    (tmp_path / "small.yaml").write_text(json.dumps(SMALL))
    done = CliRunner().invoke(app, ["check", name, "--scenario", str(tmp_path / "small.yaml")])
    assert done.exit_code == 0 and "keeps the contract of the family slicing" in done.stdout, done.output


@pytest.mark.skipif(not importlib.util.find_spec("onnxruntime"), reason="needs the extra onnx")
def test_a_policy_comes_with_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = scenarios.load("slicing-quickstart", drops=1, duration_s=0.5, warmup_s=0)
    learned = ["tractor_expert", "torch:slicing-quickstart"]
    assert scenarios.run(small, learned, out="run", plots=False).allocators == ["tractor_expert", "slicing-quickstart"]
    Path("slicing-quickstart").write_text("a file of one's own comes first")
    with pytest.raises(ScenarioError, match=r"is no file of torch\.save"):
        scenarios.run(small, learned[1:], out="own", plots=False)


def test_onnx_decides_as_its_network(tmp_path: Path) -> None:
    from onnx import TensorProto, checker, helper, numpy_helper, save

    network = Declared()
    weights = [numpy_helper.from_array(w.detach().numpy(), n) for n, w in network.only.named_parameters()]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["rows", s]) for n, s in (("x", 6), ("y", 3))]
    node = helper.make_node("Gemm", ["x", "weight", "bias"], ["y"], transB=1)
    model = helper.make_model(
        helper.make_graph([node], "policy", values[:1], values[1:], weights),
        opset_imports=[helper.make_opsetid("", 18)], ir_version=9,
    )  # fmt: skip
    checker.check_model(model)
    save(model, tmp_path / "policy.onnx")
    _, expected = decided(network, (0, 5))
    made = registry.resolve(f"onnx:{tmp_path / 'policy.onnx'}", "slicing", PARAMS)
    one = problem((0, 5))
    made.reset(one.context, 0)
    assert torch.equal(made.decide(one.observe(one.start())).rbg, expected.rbg)


@pytest.mark.skipif(not importlib.util.find_spec("keras"), reason="needs the extra keras")
def test_keras_decides_as_its_network(tmp_path: Path) -> None:
    families.find("slicing")
    with pytest.raises(ValueError, match="there is no policy file"):
        registry.resolve("keras:none.keras", "slicing")
    from scenarios.policies.keras_file import _keras

    keras, network = _keras(tmp_path), Declared()
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(3)])
    weight, bias = (one.detach().numpy() for one in network.only.parameters())
    model.set_weights([np.ascontiguousarray(weight.T), bias])
    model.save(tmp_path / "policy.keras")
    _, expected = decided(network, (0, 5))
    made = registry.resolve(f"keras:{tmp_path / 'policy.keras'}", "slicing", PARAMS)
    one = problem((0, 5))
    made.reset(one.context, 0)
    assert torch.equal(made.decide(one.observe(one.start())).rbg, expected.rbg)


def _wrong_input(path: Path) -> tuple[str, dict[str, Any]]:
    return policy(path), {"features": ["share_held", "served", "arrived"]}


def _wrong_output(path: Path) -> tuple[str, dict[str, Any]]:
    torch.save(Declared().state_dict(), path)
    return f"torch:{path}", {**PARAMS, "module": "small_policies:Declared", "actions": "moves"}


def _other_family(path: Path) -> tuple[str, dict[str, Any]]:
    return policy(path, replace(WEIGHTS, family="uav", scenario="uav-hotspot")), {}


def _other_shape(path: Path) -> tuple[str, dict[str, Any]]:
    return policy(path, replace(WEIGHTS, agents=2)), {}


def _pickle(path: Path) -> tuple[str, dict[str, Any]]:
    torch.save(Declared(), path)
    return f"torch:{path}", PARAMS


def _plain_pickle(path: Path) -> tuple[str, dict[str, Any]]:
    path.write_bytes(pickle.dumps(Declared))
    return f"torch:{path}", PARAMS


def _state_without_module(path: Path) -> tuple[str, dict[str, Any]]:
    torch.save(Declared().state_dict(), path)
    return f"torch:{path}", PARAMS


def _other_module(path: Path) -> tuple[str, dict[str, Any]]:
    torch.save(nn.Linear(6, 3).state_dict(), path)
    return f"torch:{path}", {**PARAMS, "module": "small_policies:Declared"}


def _damaged(path: Path) -> tuple[str, dict[str, Any]]:
    policy(path)
    path.write_bytes(path.read_bytes()[:400])
    return f"torch:{path}", {}


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            _wrong_input,
            "takes 6 numbers, and here are 1 cells with 9 numbers each .*served 3.*trained on .*: missing backlog",
        ),
        (_wrong_output, r"gives \[1, 3\] of 1 rows; 1 cells with 7 scores of choices each need \[1, 7\]"),
        (_other_family, "was trained for the family 'uav' .on uav-hotspot., and this is one of 'slicing'"),
        (_other_shape, "was trained on slicing-quickstart for 2 cells with 3 actions each, and this scenario has 1"),
        (_pickle, "pickle of more than tensors.*refused; write torch.save"),
        (_plain_pickle, "pickle of more than tensors.*refused; write torch.save"),
        (_state_without_module, "is a state_dict, which does not tell its network: set the parameter module"),
        (_other_module, "does not fit module small_policies:Declared: only one has 'bias'"),
        (_damaged, "damaged"),
        (lambda path: (f"torch:{path}", {}), "there is no policy file"),
        (lambda path: (policy(path), {"features": ["share_hold"]}), "unknown feature 'share_hold'; did you mean"),
        (lambda path: (policy(path), {"actions": "weight"}), "unknown mapping of actions 'weight'; did you mean"),
        (lambda path: (policy(path), {"modul": "a:B"}), "no parameter 'modul'; did you mean 'module'"),
        (lambda path: (policy(path), {"family": "uav"}), "the parameter family follows from the name"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(tmp_path: Path, write: Any, message: str) -> None:
    name, params = write(tmp_path / "policy.pt")
    with pytest.raises(ScenarioError, match=message):
        run(tmp_path, name, params)
    assert not (tmp_path / "run").exists()


def test_an_output_that_is_not_finite_names_the_drop(tmp_path: Path) -> None:
    with pytest.deprecated_call():
        torch.jit.script(small_policies.NotFinite()).save(tmp_path / "policy.pt")
    with pytest.raises(AllocatorError, match=r"not finite \(NaN or infinite\).*drop 1"):
        run(tmp_path, f"torch:{tmp_path / 'policy.pt'}", PARAMS)
