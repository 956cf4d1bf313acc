"""TRACTOR's offline learning: state, masks, virtual samples, targets and updates against plain loops; bad files."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from allocators.registry import resolve
from allocators.slicing.tractor import dqn_training, tabular_training
from allocators.slicing.tractor.moves import PAIRS, Moves, actions_between, next_states, possible_from, rbg_of
from allocators.slicing.tractor.policy_file import made_from, read_values, write_values
from allocators.slicing.tractor.q_network import QNetwork, first_network, inputs
from allocators.slicing.tractor.q_table import SHAPE, QTable, row_of
from allocators.slicing.tractor.samples import Samples, SliceScores, join, samples_of
from allocators.slicing.tractor.virtual_samples import all_states, score_by_rbg, virtual_samples
from mac.slicing import SlicingContext, SlicingObservation
from phy.random import Drops

CONTEXT = SlicingContext(
    Drops(1, (0,)), 1, ("mmtc", "urllc", "embb"), ("mmtc", "urllc", "embb"), 50, 3, 17, 1, 0.25, 0.001,
    torch.device("cpu"), torch.float32,
)  # fmt: skip
UNDER = "fairwave train"


def report(users: list[int], rbg: list[int], context: SlicingContext = CONTEXT) -> SlicingObservation:
    zero = torch.zeros(1, 1, len(rbg), dtype=torch.float64)
    fields: dict[str, object] = {field.name: zero for field in dataclasses.fields(SlicingObservation)}
    own = {"users": torch.tensor([[users]]).double(), "rbg": torch.tensor([[rbg]]), "interval": 0, "ue_reports": None}
    return SlicingObservation(**{**fields, **own})  # type: ignore[arg-type]


def some_samples(seed: int = 0, count: int = 300) -> tuple[Samples, SliceScores]:
    """Random moves of one mix, with random scores that fall with the RBGs of mMTC."""
    luck = np.random.default_rng(seed)
    rbg, rows = [6, 6, 5], []
    for _ in range(count):
        giver, taker = [(0, 0), *PAIRS][luck.integers(7)]
        if giver != taker and rbg[giver] > 1:
            rbg[giver], rbg[taker] = rbg[giver] - 1, rbg[taker] + 1
        rows.append(list(rbg))
    quotas = torch.tensor(rows)
    score = torch.from_numpy(luck.random((count, 3))) * 0.1 + 0.8 / quotas[:, :1]
    return samples_of(torch.tensor([1, 2, 3]), quotas, score)


class TestProcess:
    def test_the_state_is_counts_and_rbgs_scaled_as_published(self) -> None:
        state = Moves(CONTEXT).state(report([1, 12, 3], [3, 5, 9]))[0, 0]
        assert state.tolist() == [1, 10, 3, 3, 5]
        assert inputs(state[None], torch.float64)[0].tolist() == [0.1, 1.0, 0.3, 3 / 17, 5 / 17]

    def test_a_giver_with_its_least_is_masked(self) -> None:
        for rbg in ([1, 6, 10], [8, 1, 8], [15, 1, 1]):
            allowed = [True, *(rbg[giver] > 1 for giver, _ in PAIRS)]
            assert Moves(CONTEXT).possible(report([1, 1, 1], rbg))[0, 0].tolist() == allowed
            assert possible_from(torch.tensor([[1, 1, 1, *rbg[:2]]]), 1)[0].tolist() == allowed

    def test_a_move_changes_two_slices_by_one(self) -> None:
        for action, (giver, taker) in enumerate(PAIRS, 1):
            seen, wanted = report([1, 1, 1], [3, 5, 9]), [3, 5, 9]
            wanted[giver] -= 1
            wanted[taker] += 1
            after = Moves(CONTEXT).after(seen, torch.tensor([[action]]))[0, 0]
            assert after.tolist() == wanted
            state = torch.tensor([[1, 1, 1, 3, 5]])
            assert rbg_of(next_states(state, torch.tensor([action])))[0].tolist() == wanted
            assert actions_between(torch.tensor([[3, 5, 9]]), after[None]).tolist() == [action]
        assert actions_between(torch.tensor([[3, 5, 9]]), torch.tensor([[5, 5, 7]])).tolist() == [-1]

    def test_slices_of_one_service_count_as_one_and_an_absent_one_takes_nothing(self) -> None:
        several = dataclasses.replace(CONTEXT, slices=("a", "b", "c"), services=("embb", "urllc", "embb"))
        moves, seen = Moves(several), report([1, 2, 3], [9, 5, 3], several)
        assert moves.state(seen)[0, 0].tolist() == [0, 2, 4, 0, 5]
        assert moves.possible(seen)[0, 0].tolist() == [True, False, False, False, True, False, True]
        assert moves.after(seen, torch.tensor([[6]]))[0, 0].tolist() == [8, 6, 3]  # from the greater one
        assert moves.after(seen, torch.tensor([[4]]))[0, 0].tolist() == [9, 4, 4]  # to the smaller one

    def test_rewards_are_mean_scores_at_the_next_report(self) -> None:
        quotas = torch.tensor([[6, 6, 5], [5, 7, 5], [3, 9, 5], [3, 9, 5]])
        score = torch.tensor([[0.1, 0.2, math.nan], [0.3, 0.4, math.nan], [0.5, 0.6, math.nan], [0.7, 0.8, math.nan]])
        found, scores = samples_of(torch.tensor([1, 3, 0]), quotas, score)
        assert found.action.tolist() == [1, 0]  # the second step moves two RBGs and is no sample
        assert found.reward.tolist() == pytest.approx([(0.3 + 3 * 0.4) / 4, (0.7 + 3 * 0.8) / 4])
        assert found.state.tolist() == [[1, 3, 0, 6, 6], [1, 3, 0, 3, 9]] and len(scores.score) == 4
        assert found.after.tolist() == [[1, 3, 0, 5, 7], [1, 3, 0, 3, 9]]


class TestVirtualSamples:
    def test_equal_a_slow_loop(self) -> None:
        samples, scores = some_samples()
        made = virtual_samples(samples, scores, 1)
        have = {(*state, action) for state, action in zip(samples.state.tolist(), samples.action.tolist(), strict=True)}
        expected = {}
        for mmtc in range(1, 16):
            for urllc in range(1, 17 - mmtc):
                for action, (giver, taker) in enumerate([(0, 0), *PAIRS]):
                    rbg = [mmtc, urllc, 17 - mmtc - urllc]
                    if (1, 2, 3, mmtc, urllc, action) in have or (action and rbg[giver] == 1):
                        continue
                    rbg[giver], rbg[taker] = rbg[giver] - bool(action), rbg[taker] + bool(action)
                    expected[mmtc, urllc, action] = (
                        sum(
                            users * self.mean_or_line(scores, service, rbg[service])
                            for service, users in enumerate([1, 2, 3])
                        )
                        / 6
                    )
        keys = [(*state[3:], action) for state, action in zip(made.state.tolist(), made.action.tolist(), strict=True)]
        assert dict(zip(keys, made.reward.tolist(), strict=True)) == pytest.approx(expected)

    @staticmethod
    def mean_or_line(scores: SliceScores, service: int, rbg: int) -> float:
        by_rbg: dict[int, list[float]] = {}
        for held, score in zip(scores.rbg[:, service].tolist(), scores.score[:, service].tolist(), strict=True):
            by_rbg.setdefault(held, []).append(score)
        means = {held: sum(found) / len(found) for held, found in by_rbg.items()}
        if rbg in means:
            return means[rbg]
        slope, level = np.polyfit(list(means), list(means.values()), 1)
        return float(np.clip(slope * rbg + level, 0, 1))

    def test_few_reports_make_a_level_line_and_none_zero(self) -> None:
        one = SliceScores(
            torch.tensor([[2, 0, 0]]), torch.tensor([[4, 5, 8]]), torch.tensor([[0.7, math.nan, math.nan]])
        )
        table = score_by_rbg(one)
        assert table[0].tolist() == pytest.approx([0.7] * 18) and table[1].tolist() == [0.0] * 18

    def test_all_pairs_are_there_once(self) -> None:
        samples, scores = some_samples()
        every = join([samples, virtual_samples(samples, scores, 1)])
        pairs = {(*state, action) for state, action in zip(every.state.tolist(), every.action.tolist(), strict=True)}
        states = all_states(torch.tensor([[1, 2, 3]]), 1)
        assert len(states) == 120 and len(pairs) == int(possible_from(states, 1).sum())


class TestNetwork:
    def test_targets_are_cut(self) -> None:
        found = dqn_training.targets(torch.tensor([0.5, -3.0, 1.0]), torch.tensor([10.0, 0.0, 200.0]))
        assert found.tolist() == pytest.approx([0.5 + 0.99 * 10, 0.0, 100.0])

    def test_the_greatest_value_is_of_a_possible_action(self) -> None:
        values = torch.tensor([[1.0, 9.0, 3.0]])
        assert dqn_training.greatest_possible(values, torch.tensor([[True, False, True]])).tolist() == [3.0]

    def test_the_shape_is_the_published_one(self) -> None:
        network = first_network(1)
        assert [tuple(weight.shape) for weight in network.weights] == [(256, 5), (256,), (7, 256), (7,)]
        state = torch.tensor([[1, 2, 3, 4, 5]])
        scaled = [0.1, 0.2, 0.3, 4 / 17, 5 / 17]
        hidden = [max(0.0, sum(a * b for a, b in zip(row, scaled, strict=True)) + c)
                  for row, c in zip(network.w1.tolist(), network.b1.tolist(), strict=True)]  # fmt: skip
        loops = [sum(a * b for a, b in zip(row, hidden, strict=True)) + c
                 for row, c in zip(network.w2.tolist(), network.b2.tolist(), strict=True)]  # fmt: skip
        assert network.values(state)[0].tolist() == pytest.approx(loops, abs=1e-5)

    def test_the_target_network_is_copied_every_128_updates(self, monkeypatch: pytest.MonkeyPatch) -> None:
        copied: list[list[float]] = []
        true = dqn_training.targets
        monkeypatch.setattr(dqn_training, "targets", lambda r, best: copied.append(best.tolist()) or true(r, best))
        samples, scores = some_samples(count=60)
        every = join([samples, virtual_samples(samples, scores, 1)])
        dqn_training.train_network(every, 1, 3, 2 * 128 + 1)
        assert len(copied) == 3 and copied[0] != copied[1] != copied[2]
        trained = dqn_training.train_network(every, 1, 3, 128)
        best = dqn_training.greatest_possible(trained.values(every.after), possible_from(every.after, 1))
        assert copied[1] == pytest.approx(best.tolist(), abs=1e-5)

    def test_updates_are_those_of_automatic_differentiation_and_adam(self) -> None:
        luck = np.random.default_rng(1)
        training, network = dqn_training.NetworkTraining(first_network(2)), first_network(2)
        optimiser = torch.optim.Adam([weight.requires_grad_() for weight in network.weights], lr=0.01)
        for _ in range(20):
            numbers, action = luck.random((9, 5), dtype=np.float32), luck.integers(7, size=9)
            target = luck.random(9, dtype=np.float32)
            training.update(numbers, action, target)
            value = network.of_inputs(torch.from_numpy(numbers))[range(9), torch.from_numpy(action)]
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(value, torch.from_numpy(target)).backward()
            optimiser.step()
        for found, expected in zip(training.network.weights, network.weights, strict=True):
            assert torch.allclose(found, expected.detach(), atol=1e-4)

    def test_a_training_repeats_and_learns_the_reward_of_the_next_report(self) -> None:
        state = torch.tensor([[1, 1, 1, 6, 6]]).expand(7, 5).contiguous()
        one = Samples(state, torch.arange(7), torch.arange(7).double() / 7, state)
        first, second = (dqn_training.train_network(one, 1, 5, 400) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))
        assert int(first.values(state[:1]).argmax()) == 6


class TestTable:
    def test_updates_equal_plain_loops(self) -> None:
        samples, scores = some_samples(count=40)
        every = join([samples, virtual_samples(samples, scores, 1)])
        table = {}
        rows = zip(
            every.state.tolist(), every.action.tolist(), every.reward.tolist(), every.after.tolist(), strict=True
        )
        rows = list(rows)
        for _ in range(3):
            for state, action, reward, after in rows:
                rbg = [after[3], after[4], 17 - after[3] - after[4]]
                open_ = [0, *(a for a, (giver, _) in enumerate(PAIRS, 1) if rbg[giver] > 1)]
                best = max(table.get((*after, a), 0.0) for a in open_)
                target = min(max(reward + 0.99 * best, 0.0), 100.0)
                key = (*state, action)
                table[key] = table.get(key, 0.0) + 0.1 * (target - table.get(key, 0.0))
        found = tabular_training.train_table(every, 1, 3)
        for (*state, action), value in table.items():
            assert float(found.values(torch.tensor([state]))[0, action]) == pytest.approx(value, rel=1e-12)
        assert int((found.table != 0).sum()) == len({key for key, value in table.items() if value})

    def test_rows_follow_the_published_shape(self) -> None:
        state = [3, 2, 1, 9, 4]
        assert int(row_of(torch.tensor([state]))[0]) == np.ravel_multi_index(state, SHAPE[:-1])


class TestFiles:
    def test_values_come_back(self, tmp_path: Path) -> None:
        file = tmp_path / "policy.npz"
        table = QTable.empty()
        table.table[7, 2] = 0.5
        for values, method in ((first_network(1), "dqn"), (table, "tabular")):
            write_values(file, values, {"rounds": 3})
            back = read_values(file, method)  # type: ignore[arg-type]
            assert made_from(file) == {"rounds": 3}
            state = torch.tensor([[0, 0, 0, 0, 7]])
            assert torch.equal(back.values(state).float(), values.values(state).float())

    def test_a_file_that_does_not_fit_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "policy.npz"
        with pytest.raises(ValueError, match=f"no policy file .*policy.npz; make one with: {UNDER}"):
            resolve("tractor_dqn", "slicing", {"policy": str(file)}).reset(CONTEXT, 0)
        write_values(file, QTable.empty(), {})
        with pytest.raises(ValueError, match="--method tabular, so it is a policy of tractor_tabular"):
            resolve("tractor_dqn", "slicing", {"policy": str(file)}).reset(CONTEXT, 0)
        network = first_network(1)
        write_values(file, QNetwork(network.w1, network.b1, network.w2, network.b2[:3]), {})
        with pytest.raises(ValueError, match="damaged policy; train it anew"):
            read_values(file, "dqn")
        file.write_bytes(b"no zip")
        with pytest.raises(ValueError, match="no policy of TRACTOR's controller"):
            read_values(file, "dqn")


def test_the_policy_takes_the_possible_move_with_the_greatest_value(tmp_path: Path) -> None:
    file = tmp_path / "table.npz"
    table = QTable.empty()
    row = int(row_of(torch.tensor([[1, 1, 1, 1, 7]]))[0])
    table.table[row] = torch.tensor([0.1, 0.9, 0.8, 0.2, 0.3, 0.2, 0.2])  # 1 and 2: mMTC gives, and has one RBG
    write_values(file, table, {})
    policy = resolve("tractor_tabular", "slicing", {"policy": str(file)})
    policy.reset(CONTEXT, 0)
    assert policy.decide(report([1, 1, 1], [1, 7, 9])).rbg.tolist() == [[[1, 6, 10]]]
    assert policy.decide(report([2, 1, 1], [1, 7, 9])).rbg.tolist() == [[[1, 7, 9]]]  # not in the table: keep
