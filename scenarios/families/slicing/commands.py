"""Defines ``fairwave classify`` and ``fairwave train-classifier``: the traffic of a UE from its KPI reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...cli.options import Force, Json, names_in, print_json
from ...cli.stdio import stdout_to_stderr
from ...errors import ScenarioError

if TYPE_CHECKING:
    from allocators.slicing.traffic_classifier.evaluation import Evaluation
    from allocators.slicing.traffic_classifier.training import ClassifierSettings
    from allocators.slicing.traffic_classifier.training_logs import TrainingLog

MODEL, DEFAULT = Path("classifier.npz"), "default"


def classify(
    file: Annotated[Path, typer.Argument(help="A log of KPI reports of one UE: CSV, also .gz.")],
    model: Annotated[
        Path | None,
        typer.Option(help="File of `fairwave train-classifier`; left out, the one that comes with fairwave."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Label the traffic of a UE: a class for each window of its log, and one for all of it."""
    from allocators.slicing.traffic_classifier.kpi_log import REPORT_S, read_log
    from allocators.slicing.traffic_classifier.model_file import default_model, read_model
    from allocators.slicing.traffic_classifier.training_logs import CLASSES
    from allocators.slicing.traffic_classifier.windows import windows_of

    classifier = default_model() if model is None else read_model(model)
    length = classifier.settings.length
    reports = read_log(file, classifier.settings.kpis)
    if len(reports) < length:
        raise ScenarioError(f"{file} has {len(reports)} reports, too few for the window of {length} of the classifier")
    found = classifier.probabilities(windows_of(reports, length, length))
    window_s = length * REPORT_S
    rows = [
        {"from_s": place * window_s, "to_s": (place + 1) * window_s, "label": CLASSES[one.argmax()], **_shares(one)}
        for place, one in enumerate(found)
    ]
    whole = {"label": CLASSES[found.mean(0).argmax()], **_shares(found.mean(0))}
    if as_json:
        print_json({"file": str(file), "model": str(model or DEFAULT), "window": length, "windows": rows, "all": whole})
        return
    from ...cli.console import show_rows

    show_rows(
        f"{file}: {len(rows)} windows of {length} reports", [{name: str(row[name]) for name in row} for row in rows]
    )
    typer.echo(f"all of it: {whole['label']} ({', '.join(f'{name} {whole[name]:.2f}' for name in CLASSES)})")


def train_classifier(
    folder: Annotated[
        Path, typer.Argument(help="Logs with class and trial in each name: trial1_embb.csv, trial6_mmtc_t3.csv.gz.")
    ],
    out: Annotated[Path, typer.Option(help="File of the trained classifier.")] = MODEL,
    network: Annotated[str, typer.Option(help="cnn or transformer.")] = "cnn",
    window: Annotated[int, typer.Option(help="Reports of a window, 4 to 64.")] = 32,
    kpis: Annotated[
        str | None, typer.Option(help="Comma-separated KPIs; left out, all 17; `air`: those of runs.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes through the windows.")] = 10,
    most_windows: Annotated[int, typer.Option(min=1, help="Windows of a log, spread over it.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and batches.")] = 1,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="First hold out each trial in turn, and report.")
    ] = False,
    random_split: Annotated[
        bool, typer.Option("--random-split", help="With --evaluate: a random split of windows, too, which leaks.")
    ] = False,
    overlap: Annotated[
        int, typer.Option(min=1, help="Of --random-split: windows begin so many times as often, and share reports.")
    ] = 1,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train a classifier of traffic on KPI logs; with --evaluate, first its accuracy on trials held out as a whole."""
    from allocators.slicing.traffic_classifier.training_logs import training_logs

    settings = _settings(network, window, kpis, (epochs, most_windows, seed))
    if random_split and not evaluate:
        raise ScenarioError("--random-split goes with --evaluate")
    if overlap > 1 and not random_split:
        raise ScenarioError("--overlap goes with --random-split")
    _require_place(out, force)
    logs = training_logs(folder, settings.kpis)
    with stdout_to_stderr(as_json):
        reports = _evaluations(logs, settings, overlap if random_split else 0) if evaluate else []
        _write(logs, settings, out)
    if as_json:
        print_json({"model": str(out), "logs": len(logs), "evaluations": [_as_plain(one) for one in reports]})
        return
    for one in reports:
        _show(one)
    typer.echo(f"{settings.network}, window {settings.length}, {len(logs)} logs: the classifier is in {out}")


def _settings(network: str, window: int, kpis: str | None, numbers: tuple[int, int, int]) -> ClassifierSettings:
    from allocators.slicing.traffic_classifier.air_kpis import AIR_KPIS
    from allocators.slicing.traffic_classifier.kpi_log import KPIS
    from allocators.slicing.traffic_classifier.networks import NETWORKS
    from allocators.slicing.traffic_classifier.training import ClassifierSettings
    from allocators.slicing.traffic_classifier.windows import require_length

    names = AIR_KPIS if kpis == "air" else tuple(names_in(kpis) or KPIS)
    if unknown := [name for name in names if name not in KPIS]:
        raise ScenarioError(f"--kpis names '{unknown[0]}', which is no KPI; one of: {', '.join(KPIS)}")
    if len(set(names)) < len(names):
        raise ScenarioError("--kpis names a KPI twice")
    known = [one for one in NETWORKS if one == network]
    if not known:
        raise ScenarioError(f"--network is '{network}'; one of: {', '.join(NETWORKS)}")
    try:
        require_length(window)
    except ValueError as error:
        raise ScenarioError(f"--window: {error}") from None
    epochs, most, seed = numbers
    return ClassifierSettings(known[0], window, names, epochs, most, seed)


def _require_place(out: Path, force: bool) -> None:
    from allocators.slicing.traffic_classifier.model_file import made_from

    from ...running.training import require_room

    require_room(out)
    if force or not out.exists():
        return
    try:
        made_from(out)
    except ValueError:
        raise ScenarioError(
            f"--out {out} is there already and no earlier classifier; name another file, or give --force"
        ) from None


def _evaluations(logs: list[TrainingLog], settings: ClassifierSettings, overlap: int) -> list[Evaluation]:
    """Evaluates on trials held out and, where windows may overlap at least once, on a random split."""
    from allocators.slicing.traffic_classifier.evaluation import held_out_trials, random_split

    found = [held_out_trials(logs, settings, lambda text: print(text, file=sys.stderr))]
    return [*found, random_split(logs, settings, overlap)] if overlap else found


def _write(logs: list[TrainingLog], settings: ClassifierSettings, out: Path) -> None:
    from allocators.slicing.traffic_classifier.model_file import write_model
    from allocators.slicing.traffic_classifier.training import labelled_windows, train_classifier

    from ...results.provenance import versions
    from ...running.training import write_checkpoint

    windows, label, _ = labelled_windows(logs, settings.length, settings.most_windows)
    classifier = train_classifier(windows, label, settings)
    origin = {"logs": [log.name for log in logs], "windows": len(label), "seed": settings.seed, "versions": versions()}
    write_checkpoint(lambda path: write_model(path, classifier, origin), out)


def _as_plain(one: Evaluation) -> dict[str, Any]:
    from allocators.slicing.traffic_classifier.evaluation import PUBLISHED

    interval = None if len(one.accuracy) < 2 else [one.low, one.high]
    return {
        "network": one.settings.network,
        "window": one.settings.length,
        "accuracy": one.accuracy,
        "mean": one.mean,
        "interval": interval,
        "balanced": one.balanced,
        "published": PUBLISHED.get(one.settings.length),
        "confusion": one.confusion.tolist(),
    }


def _show(one: Evaluation) -> None:
    from allocators.slicing.traffic_classifier.evaluation import PUBLISHED
    from allocators.slicing.traffic_classifier.training_logs import CLASSES

    from ...cli.console import show_rows

    split = len(one.accuracy) < 2
    title = "random split of windows, which leaks" if split else "trials held out as a whole"
    rows = [
        {"true class": name, **{other: str(count) for other, count in zip(CLASSES, row, strict=True)}}
        for name, row in zip(CLASSES, one.confusion.tolist(), strict=True)
    ]
    show_rows(f"{title}: windows by true class (row) and label (column)", rows)
    interval = (
        ""
        if split
        else f" [{one.low:.3f}, {one.high:.3f}], "
        + ", ".join(f"{trial} {value:.3f}" for trial, value in one.accuracy.items())
    )
    known = PUBLISHED.get(one.settings.length)
    published = "" if known is None else f"; published, of another split: {known:.3f}"
    typer.echo(f"accuracy {one.mean:.3f}{interval}; mean over classes {one.balanced:.3f}{published}")


def _shares(probabilities: Any) -> dict[str, float]:
    from allocators.slicing.traffic_classifier.training_logs import CLASSES

    return {name: round(float(value), 4) for name, value in zip(CLASSES, probabilities, strict=True)}
