"""``esr verify``: a run held against the committed record of another one."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esr.audit.verifying import verify, write
from esr.common.files import write_json
from esr.recipes.graph import Graph, read_graph
from esr.report.verification import StageCompared
from esr.stages import provenance
from esr.stages.evidence import Evidence
from tests.conftest import Call
from tests.provenance.finished_project import make, note
from tests.report.made_board import made_metrics

RECORD = Path("workflow/records/demo.json")


@pytest.fixture
def recorded(finished: Graph) -> Graph:
    """The finished project with its record, as a clone on another machine has it after a run with the same results."""
    write()
    return finished


def remade(name: str, word: str, **figures: float) -> None:
    """Run a stage again: it makes other bytes, and these figures."""
    graph = read_graph()
    node = graph.nodes[name]
    make(graph, node, word=word)
    for path in map(Path, node.out_paths):
        if path.name == "curve.csv":
            path.write_text(f"iteration,loss,learning_rate,psnr\n4,0.25,0.0005,{figures['psnr']}\n")
        elif path.name == "metrics.json":
            write_json(path, made_metrics(figures["psnr"], 123.0, 0.5, int(figures["parameters"])))
    note(graph, node, Evidence(graph))


def of(name: str) -> StageCompared:
    return next(stage for stage in verify().stages if stage.name == name)


def test_the_same_run_has_the_same_bytes(recorded: Graph, call: Call) -> None:
    code, out, _ = call("verify", "--json")
    told = json.loads(out)
    assert (code, told["agrees"]) == (0, True)
    assert {stage["verdict"] for stage in told["stages"]} == {"same bytes"}
    assert {stage["name"] for stage in told["stages"]} == set(recorded.nodes)
    assert call("verify")[1].endswith("This run agrees with the record.\n")


def test_times_alone_are_no_difference(recorded: Graph) -> None:
    remade("benchmark@rlfn", "again", psnr=28.5, parameters=200_000)
    assert of("benchmark@rlfn").verdict == "within tolerance"
    assert not any(stage.parts for stage in verify().stages)


def test_another_processor_parts_where_the_first_training_ends(
    recorded: Graph, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first phase ends elsewhere within a tenth of a dB; what is made from it differs in bytes for that alone."""
    monkeypatch.setattr(provenance, "_processor", lambda: "Another CPU, avx2")
    remade("train@rlfn-1", "elsewhere", psnr=28.125 + 0.0625)
    for name in ("finetune@rlfn-2", "finetune@rlfn-3"):
        remade(name, "elsewhere", psnr=28.125)
    remade("fuse@rlfn", "elsewhere")
    remade("benchmark@rlfn", "elsewhere", psnr=28.5 - 0.0625, parameters=200_000)
    remade("report", "elsewhere")
    code, out, _ = call("verify")
    assert code == 0
    assert "This run agrees with the record." in out
    found = {stage.name: stage for stage in verify().stages}
    assert [name for name, stage in found.items() if stage.parts] == ["train@rlfn-1"]
    (difference,) = found["train@rlfn-1"].differences
    assert (difference.subject, difference.here) == ("processor", "Another CPU, avx2")
    assert "Another CPU, avx2 here" in out
    assert (found["train@rlfn-1"].verdict, found["fuse@rlfn"].verdict) == ("within tolerance", "follows")
    assert call("verify", "--psnr", "0.01")[0] == 1


def test_a_psnr_beyond_the_tolerance_does_not_agree(recorded: Graph, call: Call) -> None:
    remade("train@rlfn-1", "worse", psnr=28.125 - 0.25)
    code, out, _ = call("verify")
    assert code == 1
    assert "train@rlfn-1: different" in out
    assert "psnr: 28.125 there, 27.875 here, 0.1 allowed" in out
    assert "does not agree" in out


def test_a_count_may_not_differ_at_all(recorded: Graph) -> None:
    remade("benchmark@rlfn", "other", psnr=28.5, parameters=200_001)
    assert of("benchmark@rlfn").verdict == "different"


def test_other_images_are_different_whatever_is_measured_on_them(recorded: Graph) -> None:
    remade("download@div2k", "other photographs")
    assert (of("download@div2k").verdict, of("download@div2k").parts) == ("different", True)


def changed_parameter() -> None:
    params = json.loads(Path("params.yaml").read_text())
    params["train"]["rlfn-1"]["seed"] = 1
    Path("params.yaml").write_text(json.dumps(params))


def changed_code() -> None:
    path = Path("esr/training/losses.py")
    path.write_text(path.read_text() + "\nEDITED = True\n")


@pytest.mark.parametrize(
    ("change", "subject", "name"),
    [
        (changed_parameter, "parameters", "train.rlfn-1.seed"),
        (changed_code, "code", "esr/training/losses.py"),
    ],
)
def test_what_differs_is_named(recorded: Graph, change: Callable[[], None], subject: str, name: str) -> None:
    change()
    remade("train@rlfn-1", "other", psnr=28.0)
    stage = of("train@rlfn-1")
    assert stage.parts
    assert [(each.subject, each.name) for each in stage.differences] == [(subject, name)]


def test_what_was_not_made_does_not_agree(recorded: Graph, call: Call) -> None:
    Path("runs/demo/train/rlfn-1/weights.safetensors").unlink()
    code, out, _ = call("verify")
    assert code == 1
    assert "train@rlfn-1: not made" in out


def test_a_record_is_of_a_finished_run(finished: Graph, call: Call) -> None:
    Path("runs/demo/train/rlfn-1/weights.safetensors").unlink()
    code, _, err = call("verify", "--write")
    assert code == 2
    assert "; a record is of a finished run: type `make run` first" in err
    assert not RECORD.exists()


def without(record: dict[str, Any]) -> None:
    del record["files"][next(iter(record["files"]))]


def of_another_scale(record: dict[str, Any]) -> None:
    record["scale"] = "pilot"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda: RECORD.unlink(), "workflow/records/demo.json is missing"),
        (lambda: RECORD.write_text("{"), "workflow/records/demo.json cannot be read"),
        (lambda: RECORD.write_text("[]"), "workflow/records/demo.json is no record of a run"),
        (lambda: spoilt(without), "workflow/records/demo.json is no record of a run"),
        (lambda: spoilt(of_another_scale), "is of the scale pilot, and params.yaml names demo"),
    ],
)
def test_no_record_is_refused_in_one_line(recorded: Graph, call: Call, spoil: Callable[[], None], says: str) -> None:
    spoil()
    code, out, err = call("verify")
    assert (code, out) == (2, "")
    assert says in err and err.count("\n") == 1


def spoilt(change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads(RECORD.read_text())
    change(record)
    RECORD.write_text(json.dumps(record))


def test_the_record_names_no_host_and_no_folder(recorded: Graph) -> None:
    host = subprocess.run(["uname", "-n"], capture_output=True, text=True, check=True).stdout.strip()
    told = json.loads(RECORD.read_text())
    assert {machine["host"] for machine in told["machines"]} == {""}
    assert str(Path.cwd()) not in RECORD.read_text()
    assert host not in {value for machine in told["machines"] for value in machine.values() if isinstance(value, str)}
