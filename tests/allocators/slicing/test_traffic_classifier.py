"""The traffic classifier: logs of any header, windows, scaling, whole trials held out, files, a controller below."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from allocators.registry import resolve
from allocators.slicing.traffic_classifier.air_kpis import AIR_KPIS, kpi_row
from allocators.slicing.traffic_classifier.classified_slices import classified_observation
from allocators.slicing.traffic_classifier.evaluation import held_out_trials, random_split
from allocators.slicing.traffic_classifier.kpi_log import KPIS, LogError, kpi_name, read_log
from allocators.slicing.traffic_classifier.model_file import default_model, made_from, read_model, write_model
from allocators.slicing.traffic_classifier.networks import Cnn, Transformer
from allocators.slicing.traffic_classifier.training import ClassifierSettings, labelled_windows, train_classifier
from allocators.slicing.traffic_classifier.training_logs import CLASSES, class_and_trial, training_logs
from allocators.slicing.traffic_classifier.windows import Scaling, windows_of
from mac.slicing import SlicingContext, SlicingObservation
from mac.traffic.trace_paths import resolve as find_files
from phy.random import Drops
from scenarios.cli.main import app

PUBLISHED = (
    "Timestamp,num_ues,,dl_mcs,dl_n_samples,dl_buffer [bytes],tx_brate downlink [Mbps],tx_pkts downlink,"
    "tx_errors downlink (%),dl_cqi,,ul_mcs,ul_n_samples,ul_buffer [bytes],rx_brate uplink [Mbps],rx_pkts uplink,"
    "rx_errors uplink (%),ul_rssi,ul_sinr,phr,,sum_requested_prbs,sum_granted_prbs,,ul_turbo_iters"
)
AT = [place for place, name in enumerate(PUBLISHED.split(",")) if kpi_name(name) in KPIS]


def log(path: Path, rows: np.ndarray, header: str = PUBLISHED) -> Path:
    """Writes a log of the published format, with its empty columns."""
    lines = [header]
    for row in rows:
        cells = [""] * (header.count(",") + 1)
        for place, value in zip(AT, row, strict=True):
            cells[place] = f"{value:g}"
        lines.append(",".join(cells))
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def rows(label: int, count: int, seed: int = 0) -> np.ndarray:
    """Reports of which every KPI is near the place of the class."""
    return label + 0.3 * np.random.default_rng(seed).random((count, 17))


def logs_in(folder: Path, count: int = 60) -> Path:
    for trial in ("trial1", "trial2", "lab"):
        for label, name in enumerate(CLASSES):
            log(folder / f"{trial}_{name}_a.csv.gz", rows(label, count, label))
    return folder


SMALL = ClassifierSettings("cnn", 4, KPIS, epochs=60, most_windows=50)


class TestLogs:
    def test_kpis_are_found_by_name_past_empty_and_foreign_columns(self, tmp_path: Path) -> None:
        values = rows(1, 3)
        assert read_log(log(tmp_path / "a.csv", values)) == pytest.approx(values, rel=1e-4)
        one = read_log(tmp_path / "a.csv", ("sum_granted_prbs", "dl_mcs"))
        assert one == pytest.approx(values[:, [KPIS.index("sum_granted_prbs"), 0]], rel=1e-4)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("dl_mcs\n1\n", "lacks dl_n_samples, dl_buffer"),
            ("", "is no CSV file with a header"),
            (f"{PUBLISHED},dl_mcs\n", "the KPI dl_mcs twice"),
            (PUBLISHED + "\n" + "1," * 24 + "x\n", "ul_turbo_iters holds text"),
            (
                PUBLISHED + "\n" + "1," * 24 + "1\n" + "1,,,nan" + ",1" * 21 + "\n",
                "dl_mcs is missing .* 1 of 2 .* row 3",
            ),
        ],
    )
    def test_bad_logs_get_a_sentence(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(LogError, match=message):
            read_log(tmp_path / "a.csv")

    def test_names_say_class_and_trial(self, tmp_path: Path) -> None:
        assert class_and_trial(Path("trial6_urllc_t1l.csv.gz")) == ("trial6", CLASSES.index("urllc"))
        assert class_and_trial(Path("multi_ue_embb1_101.csv")) == ("multi_ue", CLASSES.index("embb"))
        assert class_and_trial(Path("single_ue_urll.csv")) == ("single_ue", CLASSES.index("urllc"))
        log(tmp_path / "walk.csv", rows(0, 5))
        with pytest.raises(LogError, match=r"walk.csv says no class"):
            training_logs(tmp_path)

    def test_one_class_alone_is_refused(self, tmp_path: Path) -> None:
        log(tmp_path / "t1_embb.csv", rows(0, 5))
        with pytest.raises(LogError, match="of the class embb; training needs two or more"):
            training_logs(tmp_path)


class TestWindows:
    def test_windows_equal_plain_loops(self) -> None:
        reports = rows(0, 11)
        found = windows_of(reports, 4, 3)
        assert len(found) == 3
        for number, one in enumerate(found):
            for at in range(4):
                assert one[at].tolist() == reports[3 * number + at].tolist()

    def test_scaling_is_min_max_of_the_training(self) -> None:
        scaling = Scaling.of(np.array([[0.0, 5.0], [10.0, 5.0]]))
        assert scaling(np.array([[5.0, 5.0], [20.0, 9.0], [-1.0, 0.0]])).tolist() == [
            [0.5, 0.0],
            [1.0, 0.0],
            [0.0, 0.0],
        ]

    def test_logs_are_cut_into_windows_that_do_not_overlap(self, tmp_path: Path) -> None:
        logs = training_logs(logs_in(tmp_path, 60))
        windows, label, place = labelled_windows(logs, 16, 2)
        assert windows.shape == (24, 16, 17) and np.bincount(place).tolist() == [2] * 12
        assert [logs[at].label for at in place] == label.tolist()
        with pytest.raises(LogError, match="no log has the 64 reports of a window; the longest has 60"):
            labelled_windows(logs, 64, 2)


def test_networks_have_the_published_shape() -> None:
    cnn, transformer = Cnn(8, 17, 4), Transformer(8, 17, 4)
    assert tuple(cnn.filters.weight.shape) == (20, 1, 4, 1) and cnn.hidden.in_features == 20 * 5 * 17
    assert cnn.hidden.out_features == 512 and cnn.classes.out_features == 4
    assert len(transformer.encoder.layers) == 2 and transformer.encoder.layers[0].self_attn.num_heads == 1
    assert transformer.encoder.layers[0].self_attn.embed_dim == 17 and transformer.hidden.out_features == 256
    assert transformer.dropout.p == 0.2 and transformer(torch.zeros(3, 8, 17)).shape == cnn(torch.zeros(3, 8, 17)).shape


def test_trials_are_held_out_as_a_whole(tmp_path: Path) -> None:
    """A class that looks otherwise in one trial is missed there, and found by a random split, which leaks."""
    logs_in(tmp_path)
    odd = rows(1, 60)
    odd[:, -3:] += 2.0
    log(tmp_path / "lab_embb_a.csv.gz", odd)  # 14 KPIs as those of mMTC, three as those of null
    logs = training_logs(tmp_path)
    found, leaking = held_out_trials(logs, SMALL), random_split(logs, SMALL)
    assert sorted(found.accuracy) == ["lab", "trial1", "trial2"]
    assert found.accuracy["lab"] <= 0.8 < min(found.accuracy["trial1"], found.accuracy["trial2"])
    assert found.confusion.sum() == 12 * 15 and found.low < found.mean < found.high < leaking.mean + 0.5
    assert leaking.mean > 0.95 > found.mean and leaking.confusion.sum() == 36
    with pytest.raises(LogError, match="all logs are of the trial 'lab'"):
        held_out_trials([one for one in logs if one.trial == "lab"], SMALL)


def test_a_training_repeats_and_its_file_comes_back(tmp_path: Path) -> None:
    logs = training_logs(logs_in(tmp_path))
    windows, label, _ = labelled_windows(logs, 4, 10)
    settings = dataclasses.replace(SMALL, network="transformer", epochs=2)
    first, second = (train_classifier(windows, label, settings) for _ in range(2))
    assert np.array_equal(first.probabilities(windows), second.probabilities(windows))
    write_model(tmp_path / "m.npz", first, {"logs": ["a"]})
    back = read_model(tmp_path / "m.npz")
    assert back.settings == settings and made_from(tmp_path / "m.npz") == {"logs": ["a"]}
    assert np.array_equal(back.probabilities(windows), first.probabilities(windows))
    assert np.array_equal(back.labels(windows[:3]), back.labels(windows)[:3])


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no classifier .*; make one with: fairwave train-classifier"):
        read_model(tmp_path / "m.npz")
    (tmp_path / "m.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="is no classifier of KPI reports"):
        read_model(tmp_path / "m.npz")
    head = {"version": 1, "settings": {"network": "cnn", "length": 4, "kpis": ["phr"]}, "made_from": {}}
    np.savez(tmp_path / "m.npz", fairwave_classifier=np.array(json.dumps(head)), least=np.zeros(1), greatest=np.ones(1))
    with pytest.raises(ValueError, match="damaged classifier"):
        read_model(tmp_path / "m.npz")


class TestCommands:
    def run(self, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        return done.exit_code, done.output

    def test_train_evaluate_and_classify(self, tmp_path: Path) -> None:
        logs, model = logs_in(tmp_path), str(tmp_path / "m.npz")
        options = ("--window", "4", "--epochs", "20", "--most-windows", "20", "--out", model)
        status, text = self.run("train-classifier", str(logs), *options, "--evaluate", "--random-split")
        assert status == 0 and "trials held out as a whole" in text and "which leaks" in text
        status, text = self.run("classify", str(tmp_path / "lab_urllc_a.csv.gz"), "--model", model, "--json")
        document = json.loads(text)
        assert status == 0 and len(document["windows"]) == 15
        assert {row["label"] for row in document["windows"]} == {"urllc"} == {document["all"]["label"]}
        assert document["windows"][1]["from_s"] == 1.0 and document["windows"][1]["to_s"] == 2.0

    def test_mistakes_get_a_sentence(self, tmp_path: Path) -> None:
        short = log(tmp_path / "trial1_embb.csv", rows(0, 3))
        status, text = self.run("classify", str(short), "--model", str(tmp_path / "none.npz"))
        assert status == 2 and "there is no classifier" in text
        status, text = self.run("classify", str(short))  # by the classifier that comes with fairwave
        assert status == 2 and "has 3 reports, too few for the window of 4" in " ".join(text.split())
        status, text = self.run("train-classifier", str(tmp_path), "--out", str(tmp_path / "m.npz"))
        assert status == 2 and "training needs two or more" in text
        status, text = self.run("train-classifier", str(tmp_path), "--out", str(short))
        assert status == 2 and "no earlier classifier" in text
        for words, message in (
            (("--window", "3"), "a window has 4 to 64 reports, given 3"),
            (("--network", "lstm"), "one of: cnn, transformer"),
            (("--kpis", "dl_mcs,rsrp"), "'rsrp', which is no KPI"),
        ):
            status, text = self.run("train-classifier", str(tmp_path), *words)
            assert status == 2 and message in " ".join(text.split())


class TestController:
    CONTEXT = SlicingContext(
        Drops(1, (0,)), 1, ("m", "u", "e"), ("mmtc", "urllc", "embb"), 50, 3, 17, 1, 0.25, 0.001,
        torch.device("cpu"), torch.float32,
    )  # fmt: skip

    def seen(self, interval: int, requested: list[float], slices: list[int]) -> SlicingObservation:
        """UEs of one cell that request PRBs; nothing else happens."""
        reports = torch.zeros(1, len(slices), 8, dtype=torch.float64)
        reports[0, :, 1], reports[0, :, 5] = torch.tensor(slices).double(), torch.tensor(requested).double()
        zero = torch.zeros(1, 1, 3, dtype=torch.float64)
        rbg = torch.tensor([[[6, 6, 5]]])
        empty = SlicingObservation(interval, zero, rbg, zero, zero, zero, zero, zero, zero, reports)
        return classified_observation(empty, reports, torch.tensor([slices]))

    def test_sums_are_of_the_classes(self) -> None:
        seen = self.seen(1, [10.0, 30.0, 5.0], [0, 1, 1])
        assert seen.requested_prbs.tolist() == [[[10.0, 35.0, 0.0]]] and seen.users.tolist() == [[[1.0, 2.0, 0.0]]]
        assert seen.ue_reports is not None
        other = classified_observation(seen, seen.ue_reports, torch.tensor([[-1, 2, 2]]))
        assert other.requested_prbs.tolist() == [[[0.0, 0.0, 35.0]]] and other.users.tolist() == [[[0.0, 0.0, 2.0]]]

    def test_kpis_of_the_air_and_stand_ins(self) -> None:
        reports = torch.tensor([[[0.0, 1.0, 800.0, 0.0, 5e5, 70.0, 60.0, 300.0]]], dtype=torch.float64)
        scaling = Scaling(np.zeros(5), np.array([1.0, 1.0, 1.0, 1.0, 8.0]))
        row = kpi_row(reports, 0.25, (*AIR_KPIS, "ul_sinr"), scaling)
        assert row[0, 0].tolist() == [100.0, 2.0, 70.0, 60.0, 4.0]

    def test_the_controller_is_told_classes_once_a_window_is_full(self, tmp_path: Path) -> None:
        """A model that calls whatever requests many PRBs eMBB; a UE that does is in the slice of mMTC."""
        count = np.zeros((400, 1))
        count[200:] = 100.0
        windows, label = windows_of(count, 4, 4), np.repeat([1, 0], 50)  # 1 is mMTC, 0 eMBB
        settings = ClassifierSettings("cnn", 4, ("sum_requested_prbs",), epochs=30)
        write_model(tmp_path / "m.npz", train_classifier(windows, label, settings), {})
        made = resolve("classified_slices", "slicing", {"model": str(tmp_path / "m.npz")})
        made.reset(self.CONTEXT, 0)
        for interval in range(6):
            rbg = made.decide(self.seen(interval, [100.0], [0])).rbg[0, 0].tolist()
            assert rbg == ([15, 1, 1] if interval < 4 else [1, 1, 15])


def test_a_classifier_comes_with_fairwave() -> None:
    """It sees the KPIs that runs have, and a controller that is told its classes differs from one told the slices."""
    settings = default_model().settings
    assert settings.kpis == AIR_KPIS and settings.length == 4
    told = [resolve("classified_slices", "slicing", params) for params in ({}, {"model": None})]
    reports = torch.zeros(1, 3, 8, dtype=torch.float64)
    reports[0, :, 1], reports[0, :, 5] = torch.arange(3), torch.tensor([400.0, 400.0, 400.0])
    zero, rbg = torch.zeros(1, 1, 3, dtype=torch.float64), torch.tensor([[[6, 6, 5]]])
    asked = torch.full_like(zero, 400.0)
    for interval in range(6):
        seen = SlicingObservation(interval, zero + 1, rbg, zero, zero, zero, asked, zero, zero, reports)
        found = []
        for one in told:
            if interval == 0:
                one.reset(TestController.CONTEXT, 0)
            found.append(one.decide(seen).rbg.tolist())
        assert (found[0] == found[1]) is (interval < 4)


def test_published_logs_are_read() -> None:
    try:
        paths = find_files(("tractor/kpi/*.csv",), ())
    except ValueError:
        pytest.skip("KPI logs of TRACTOR are neither in $FAIRWAVE_DATA nor in ../shared/data")
    assert all(np.isfinite(read_log(path)).all() for path in paths)
