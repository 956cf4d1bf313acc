"""The command line: one JSON document or something readable, and exit statuses that scripts can trust."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scenarios.cli.main import app
from scenarios.config import yaml12
from scenarios.families import names

Toy = dict[str, Any]


def fairwave(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def document(*arguments: object) -> Any:
    result = fairwave(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(*arguments: object) -> str:
    for form in ((), ("--json",)):
        result = fairwave(*arguments, *form)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        assert result.stderr.startswith("error: ")
    return " ".join(result.stderr.split())


def files(folder: Path) -> set[str]:
    """All files below a folder, but for bytecode, which Python keeps unless told otherwise."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    return {str(path.relative_to(folder)) for path in found}


@pytest.fixture
def pipe(toy: Toy) -> str:
    Path("pipe.yaml").write_text(yaml12.dump({**toy, "drops": 2}))
    return "pipe.yaml"


def test_run_prints_one_document(pipe: str) -> None:
    run = document("run", pipe, "--out", "out", "--seed", 3, "--set", "users=2", "--drops", 3)
    assert list(run) == ["run_dir", "scenario", "metrics", "paired", "notes", "time", "not_stationary"]
    assert (run["run_dir"], run["scenario"]) == ("out", "toy")
    assert {row["allocator"] for row in run["metrics"]} == {"Even", "Greedy"}
    assert {(row["a"], row["b"]) for row in run["paired"]} == {("Even", "Greedy")}
    resolved = yaml12.read(Path("out/scenario.yaml"))
    assert (resolved["seed"], resolved["users"], resolved["drops"]) == (3, 2, 3)
    meta = json.loads(Path("out/meta.json").read_text())
    assert meta["command"].startswith("fairwave")
    assert document("run", pipe, "--out", "out", "--seed", 3, "--set", "users=2", "--drops", 3, "--resume") == run


def test_run_prints_something_readable(pipe: str) -> None:
    result = fairwave("run", pipe, "--out", "out", "--allocators", "toy_family:Even, toy_family:Greedy")
    assert result.exit_code == 0, result.output
    for part in ("Even", "Greedy", "rate_mean", "±", "Greedy - Even = +", "paired drops", "Results: out"):
        assert part in result.stdout


def test_variants_have_a_table_of_their_own(toy: Toy) -> None:
    Path("v.yaml").write_text(yaml12.dump({**toy, "drops": 2, "variants": {"few": {"users": 2}, "many": {"users": 9}}}))
    result = fairwave("run", "v.yaml", "--out", "out")
    for part in ("few", "many", "all", "mean over 2 variants"):
        assert part in result.stdout


def test_dry_run_says_what_would_happen_and_writes_nothing(pipe: str, tmp_path: Path) -> None:
    plan = document("run", pipe, "--dry-run", "--drops", 9)
    assert (plan["drops"], plan["drops_per_batch"], plan["batches"]) == (9, 4, 6)
    assert (plan["intervals"], plan["windows"], plan["memory_bytes"]) == (5, 5, 4000)
    assert "Dry run" in fairwave("run", pipe, "--dry-run").stdout
    assert files(tmp_path) == {"pipe.yaml"}


def test_list() -> None:
    everything = document("list")
    assert list(everything) == ["allocators", "scenarios", "calibrations", "metrics", "traffic", "commands"]
    assert {"slicing-quickstart", "slicing-tractor", "scheduling-macro"} <= {s["name"] for s in everything["scenarios"]}
    assert {"equal", "tractor_expert", "proportional_fair"} <= {a["name"] for a in everything["allocators"]}
    assert all(row["description"] for rows in everything.values() for row in rows)
    assert document("list", "traffic") == everything["traffic"]
    for topic in everything:
        assert everything[topic][0]["name"] in fairwave("list", topic).stdout
    overview = fairwave("list").stdout
    assert len(overview.splitlines()) < 20, "a screen"
    for topic, rows in everything.items():
        assert f"{topic} ({len(rows)}): {rows[0]['name']}, " in overview
    assert "did you mean 'metrics'" in refused("list", "metric")


def test_list_of_environments() -> None:
    """Left out of the overview, which must not wait for torch."""
    found = {topic: document("list", topic) for topic in ("features", "actions", "rewards")}
    for topic, rows in found.items():
        assert all(row["name"] and row["family"] and row["description"] for row in rows)
        assert rows[0]["name"] in fairwave("list", topic).stdout
    usual = [row["family"] for row in found["rewards"] if row["usual"] == "yes"]
    assert sorted(usual) == sorted({row["family"] for row in found["features"]}), "one of each family"
    assert "did you mean 'rewards'" in refused("list", "reward")


def test_list_tells_what_an_allocator_takes() -> None:
    found = document("list", "allocators", "proportional_fair")[-1]
    assert found["family"] == "scheduling" and found["documentation"].startswith("Gives each PRB to the UE")
    assert found["source"].startswith("allocators.scheduling.proportional_fair:ProportionalFair, ")
    assert found["parameters"][0] == {
        "name": "time_constant_s", "type": "float", "default": 0.1, "description": "Time constant of the average.",
    }  # fmt: skip
    text = fairwave("list", "allocators", "rrm_policy").stdout
    for part in ("allocators.slicing.rrm_policy:RrmPolicy", "policies", "{}", "Ratios by name", "TS 28.541"):
        assert part in text
    assert "no parameters" in fairwave("list", "allocators", "toy_family:Even").stdout
    assert "did you mean 'round_robin'" in refused("list", "allocators", "roundrobin")
    assert "only the topic 'allocators', given 'metrics'" in refused("list", "metrics", "rate_mean")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_metric_is_shown_however_narrow_the_terminal(
    pipe: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    from rich.console import Console

    monkeypatch.setattr(
        "scenarios.cli.comparison.stdout", lambda: Console(width=width, highlight=False, soft_wrap=True)
    )
    result = fairwave("run", pipe, "--out", "out")
    names = {row["metric"] for row in json.loads(fairwave("run", pipe, "--out", "out", "--resume", "--json").stdout)[
        "metrics"]}  # fmt: skip
    from scenarios import Result as Run

    for metric in Run("out").headline:
        assert metric in names and re.search(rf"[┃ ]{metric}[ ┃]", result.stdout), metric


def test_no_part_of_a_message_becomes_a_picture(pipe: str) -> None:
    assert "'x:A:b'" in refused("run", pipe, "--allocators", "x:A:b")


def test_validate_says_at_which_speed_users_without_one_fade() -> None:
    note = "users that stay where they are fade as at 3 km/h unless speed_kmh says otherwise: mmtc, urllc, embb"
    assert document("validate", "slicing-quickstart")["notes"] == [note]
    assert note in " ".join(fairwave("validate", "slicing-quickstart").stdout.split())
    set_by_hand = ("--set", "users.embb.speed_kmh=0")
    assert document("validate", "slicing-quickstart", *set_by_hand)["notes"] == [note.removesuffix(", embb")]
    assert document("validate", "mobility-macro")["notes"] == []


def test_the_traffic_models_that_are_listed_are_those_that_there_are() -> None:
    from mac.traffic import describe

    assert {row["name"]: row["description"] for row in document("list", "traffic")} == describe()


def test_validate(pipe: str) -> None:
    report = document("validate", pipe)
    assert report["valid"] is True
    assert report["allocators"] == ["Even", "Greedy"]
    assert "is valid" in fairwave("validate", pipe).stdout
    assert "did you mean 'users'" in refused("validate", pipe, "--set", "usrs=1")
    assert "no file nowhere.csv" in refused("validate", pipe, "--set", "trace=nowhere.csv")


def test_report(pipe: str) -> None:
    document("run", pipe, "--out", "out")
    written = document("report", "out")
    assert "<html" in Path(written["report"]).read_text()
    assert fairwave("report", "out", "--out", "page.html").stdout.strip() == "page.html"
    assert Path("page.html").is_file()
    assert "no run folder" in refused("report", "nowhere")


def test_a_page_of_an_unfinished_run_says_so(pipe: str) -> None:
    document("run", pipe, "--out", "out", "--drops", 4, "--drops-per-batch", 2)
    assert "unfinished" not in fairwave("report", "out").stderr + Path("out/report.html").read_text()
    shard = Path("out/shards/_/Even/drops-00002-00003.nc")
    shard.write_bytes(shard.read_bytes()[:1000])
    result = fairwave("report", "out")
    assert result.exit_code == 0
    missing = "Even: 2 of 4 drops (2-3)"
    assert "warning: out is unfinished" in result.stderr and missing in result.stderr
    page = Path("out/report.html").read_text()
    assert "This run is unfinished" in page and missing in page


def test_a_page_cannot_be_a_folder_and_a_damaged_meta_is_named(pipe: str) -> None:
    document("run", pipe, "--out", "out")
    assert ". is a folder; name a file" in refused("report", "out", "--out", ".")
    Path("out/meta.json").write_text("{")
    assert "out/meta.json is damaged" in refused("report", "out")


def test_one_variant_is_one_variant(toy: Toy) -> None:
    Path("v.yaml").write_text(yaml12.dump({**toy, "variants": {"few": {"users": 2}}}))
    assert "valid: 1 variant;" in fairwave("validate", "v.yaml").stdout
    assert "mean over 1 variant " in fairwave("run", "v.yaml", "--out", "out").stdout
    assert "mean of 1 variant<" in (fairwave("report", "out"), Path("out/report.html").read_text())[1]
    assert "1 window\n" in re.sub(r" +[^a-z0-9]*\n", "\n", fairwave("run", "v.yaml", "--dry-run", "--set",
                                                              "duration_s=1").stdout)  # fmt: skip


def test_a_warning_is_one_line(pipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    Path("warner.py").write_text(
        "import warnings\nfrom toy_family import Even\nclass Warns(Even):\n    def decide(self, demand):\n"
        "        warnings.warn('too high\\nfor this model')\n        return super().decide(demand)\n"
    )
    result = fairwave("run", pipe, "--out", "out", "--allocators", "warner:Warns")
    assert "warning: too high for this model\n" in result.stderr
    assert "warnings.warn" not in result.stderr and "UserWarning" not in result.stderr


def test_check() -> None:
    findings = document("check", "equal")
    assert findings["ok"] is True
    assert findings["family"] == "slicing"
    assert "keeps the contract" in fairwave("check", "allocators.slicing.equal:Equal").stdout
    assert "there is no module 'nowhere'" in (text := refused("check", "nowhere:Thing", "--family", "slicing"))
    assert "importlib" not in text
    assert "there is no allocator 'equall'; did you mean 'equal'?" in refused("check", "equall")


def test_check_of_one_that_breaks_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("breaker.py").write_text(
        "class Breaker:\n"
        "    def reset(self, context, seed):\n        pass\n"
        "    def decide(self, observation):\n        return None\n"
    )
    result = fairwave("check", "breaker:Breaker", "--family", "slicing", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["ok"] is False


CHATTER = """
import os
print("at import")
from toy_family import Even
class Chatty(Even):
    def decide(self, demand):
        print("from Python")
        os.write(1, b"from C\\n")
        return super().decide(demand)
"""


def test_what_a_plug_in_prints_stays_out_of_the_document(
    pipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("chatty.py").write_text(CHATTER)
    code = f"""
import sys, types
sys.modules["scenarios.plots.figures"] = types.SimpleNamespace(save_plots=lambda *_: [])
sys.path.insert(0, {str(Path(__file__).parents[2] / "support")!r})
from scenarios import families
families.FAMILIES["toy"] = "toy_family:FAMILY"
from scenarios.cli.main import main
main()
"""
    arguments = ["run", pipe, "--out", "out", "--allocators", "chatty:Chatty", "--json"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout), done.stderr
    for text in ("at import", "from Python", "from C"):
        assert text in done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    for arguments in (
        ["run", pipe, "--dry-run", "--allocators", "chatty:Chatty"],
        ["validate", pipe, "--set", "allocators=['chatty:Chatty']"],
        ["check", "chatty:Chatty", "--family", "slicing"],
    ):
        monkeypatch.delitem(sys.modules, "chatty", raising=False)
        told = fairwave(*arguments, "--json")
        assert json.loads(told.stdout) and "at import" in told.stderr


@pytest.mark.parametrize("where", ["import", "__init__", "reset", "decide"])
def test_a_plug_in_that_calls_exit_does_not_end_the_command(
    pipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"leaves_{where.strip('_')}"
    body = f"    def {where}(self, *_):\n        sys.exit(0)\n" if where != "import" else "sys.exit(0)\n"
    Path(f"{name}.py").write_text(f"import sys\nfrom toy_family import Even\nclass Leaves(Even):\n    pass\n{body}")
    text = refused("run", pipe, "--allocators", f"{name}:Leaves,toy_family:Even")
    assert "SystemExit: 0" in text and "eaves" in text
    assert files(tmp_path) - {f"{name}.py"} == {"pipe.yaml"}


def test_bench_refuses_what_it_cannot_measure() -> None:
    import torch

    assert "did you mean" in refused("bench", "W0")
    assert "--drops must be 1 or more, given 0" in refused("bench", "W1", "--drops", 0)
    assert "--drops must be 1 or more, given -1" in refused("bench", "W1", "--drops", -1)
    assert "--device must be cpu or cuda, given 'tpu'" in refused("bench", "W1", "--device", "tpu")
    if not torch.cuda.is_available():
        assert "no GPU" in refused("bench", "W1", "--device", "cuda")


def test_schema() -> None:
    assert document("schema", "--family", "slicing")["properties"]["slicing"]
    assert len(document("schema")["oneOf"]) == len(names())
    assert "did you mean 'slicing'" in refused("schema", "--family", "slicng")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["slicing-quikstart"], ["did you mean 'slicing-quickstart'"]),
        (["nowhere.yaml"], ["no scenario file nowhere.yaml"]),
        (["PIPE", "--set", "pipe.rate=3"], ["'pipe.rate'", "did you mean 'rate_bps'"]),
        (["PIPE", "--set", "users"], ["dotted.key=value"]),
        (["PIPE", "--set", "users=many"], ["'users' must be an integer, given 'many'"]),
        (["PIPE", "--set", "users=0"], ["'users' must be greater than or equal to 1, given 0"]),
        (["PIPE", "--drops", 0], ["--drops", "'drops' must be greater"]),
        (["PIPE", "--seed", -1], ["'seed' must be greater"]),
        (["PIPE", "--device", "gpu"], ["'device' must be 'auto', 'cpu' or 'cuda', given 'gpu'"]),
        (["PIPE", "--allocators", "toy_family:Evn"], ["did you mean 'Even'"]),
        (["PIPE", "--allocators", "Evn"], ["Evn"]),
        (["PIPE", "--allocators", ""], ["'allocators' needs at least 1"]),
        (["PIPE", "--allocators", "toy_family:TooMuch"], ["TooMuch", "drop 0", "interval 3", "time 3 s"]),
        (["PIPE", "--allocators", "toy_family:Raises"], ["Raises", "no users left", "toy_family.py, line"]),
        (["PIPE", "--set", "bytes_per_drop=1000000000000000"], ["needs about 1,000 TB"]),
        (["PIPE", "--set", "trace=nowhere.csv"], ["no file nowhere.csv"]),
        (["slicing-quickstart", "--allocators", "tractor_expart"], ["did you mean 'tractor_expert'"]),
        (["slicing-quickstart", "--allocators", "m_lwdf"], ["scheduling"]),
        (["slicing-quickstart", "--set", "slicing.scheduler=proportional_far"], ["did you mean 'proportional_fair'"]),
        (
            ["slicing-tractor", "--set", "users.embb.traffic.files=[nowhere/*.csv]"],
            ["users.2.traffic", "nowhere/*.csv"],
        ),
    ],
)
def test_bad_input_ends_with_status_2_and_nothing_written(
    pipe: str, tmp_path: Path, arguments: list[object], says: list[str]
) -> None:
    given = [pipe if argument == "PIPE" else argument for argument in arguments]
    text = refused("run", *given)
    for part in says:
        assert " ".join(part.split()) in text
    assert files(tmp_path) == {"pipe.yaml"}
    assert not Path("runs").exists()


def test_usage_errors_have_status_2() -> None:
    for arguments in (["run"], ["run", "x", "--nonsense"], ["nonsense"], ["run", "x", "--drops", "many"]):
        result = fairwave(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""


def test_batches_cut_to_the_memory_are_said_aloud_on_stderr(pipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.running.memory.available_bytes", lambda device: int(3000 / 0.8))
    for form in ((), ("--json",)):
        result = fairwave("run", pipe, "--drops", 4, "--set", "bytes_per_drop=1000", "--dry-run", *form)
        assert result.exit_code == 0
        assert "warning: toy: drops_per_batch 4 -> 2: needs about 4 kB" in " ".join(result.stderr.split())
        assert "warning" not in result.stdout
    assert json.loads(result.stdout)["drops_per_batch"] == 2
