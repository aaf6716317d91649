"""``esr trace``: from a number of the leaderboard back to every stage behind it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from esr.audit.tracing import trace
from esr.audit.writing_traces import is_behind
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.report.trail import TracedStage
from esr.stages.evidence import Evidence
from tests.conftest import Call
from tests.drivers.grown import grow, stages
from tests.provenance.finished_project import finish, lay_project, make, note, two_entries
from tests.tiny_project import ROOT

WEIGHTS = "runs/demo/finetune/slimrlfn-640/weights.safetensors"


def edit(change: Any) -> None:
    params = json.loads(Path("params.yaml").read_text())
    change(params)
    Path("params.yaml").write_text(json.dumps(params))


def faults(name: str = "slimrlfn") -> dict[str, tuple[str, ...]]:
    """Of the stages behind a row that have any."""
    return {stage.name: stage.faults for stage in trace(name).stages if stage.faults}


def fused(name: str) -> TracedStage:
    """The stage that fused a row's weights."""
    return next(stage for stage in trace(name).stages if stage.name == f"fuse@{name}")


def lay_leaderboard(graph: Graph, **ranks: int) -> None:
    """Have the stage ``report`` make a leaderboard with these ranks."""
    lines = [f"{row},{rank}" for row, rank in ranks.items()]
    Path("reports/demo/leaderboard.csv").write_text("\n".join(["entry,rank", *lines]) + "\n")
    note(graph, graph.nodes["report"], Evidence(graph))


def test_a_number_leads_to_every_stage_as_it_ran(finished: Graph, call: Call) -> None:
    code, out, _ = call("trace", "slimrlfn", "psnr", "--json")
    told = json.loads(out)
    assert (code, told["row"], told["value"], told["sound"]) == (0, "slimrlfn", 28.25, True)
    names = [stage["name"] for stage in told["stages"]]
    assert names[:3] == ["report", "benchmark@slimrlfn", "fuse@slimrlfn"]
    assert {"finetune@slimrlfn-640", "distill@slimrlfn-distill", "teacher@slimrlfn-teacher"} < set(names)
    assert {"download@div2k", "crop@div2k", "join@df2k"} < set(names)
    assert not {"benchmark@rlfn", "prune@slimrlfn-pruned"} & set(names)
    tuned = told["stages"][names.index("finetune@slimrlfn-640")]
    assert tuned["command"] == "python -m esr finetune slimrlfn-640"
    assert tuned["parameters"]["finetune.slimrlfn-640"]["patch"] == 640
    recorded = {file["path"]: file["recorded"] for file in [*tuned["inputs"], *tuned["outputs"]]}
    assert recorded[WEIGHTS] == hashlib.md5(Path(WEIGHTS).read_bytes()).hexdigest()
    assert "runs/demo/finetune/slimrlfn-384-1/weights.safetensors" in recorded
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    ran = tuned["circumstances"]
    assert (ran["commit"], ran["dirty"], ran["threads"]) == (head, False, "1")
    assert ran["host"] and ran["processor"] and ran["versions"]["torch"]
    assert ran["began"] <= ran["ended"]


def test_people_read_the_same(finished: Graph, call: Call) -> None:
    code, out, _ = call("trace", "slimrlfn", "psnr")
    assert code == 0
    assert out.startswith("slimrlfn, PSNR (dB): 28.250\n")
    assert "All that lies on disk matches." in out
    assert hashlib.md5(Path(WEIGHTS).read_bytes()).hexdigest() in out


def test_the_page_of_all_rows_shows_the_same(finished: Graph, call: Call) -> None:
    code, out, _ = call("trace", "--page")
    assert (code, out.strip()) == (0, "reports/demo/trace.html")
    html = Path("reports/demo/trace.html").read_text()
    printed = call("trace", "slimrlfn")[1]
    tuned = printed.split("\nfinetune@slimrlfn-640: current\n")[1].split("\n\n")[0]
    assert "parameter" in tuned and "ran at " in tuned
    for line in tuned.splitlines():
        assert escape(line.strip()) in html
    for row in ("slimrlfn", "slimrlfn-pruned", "rlfn"):
        assert f'id="{row}"' in html
    linked = set(re.findall(r'href="#([^"]+)"', html))
    assert linked == set(re.findall(r'<h3 id="([^"]+)"', html))  # every stage stands there once
    assert html.count("All that lay on disk when this page was written matches.") == 3
    assert "<script" not in html


def test_the_page_names_what_does_not_match_and_is_safe_to_open(finished: Graph, call: Call) -> None:
    """A reason may hold anything."""
    record = {"scale": "demo", "stage": "train@rlfn-1", "reason": "<script>alert(1)</script>"}
    Path("accepted.jsonl").write_text(json.dumps(record) + "\n")
    Path("runs/demo/train/rlfn-1/curve.csv").unlink()
    assert call("trace", "--page")[0] == 0
    html = Path("reports/demo/trace.html").read_text()
    assert "train@rlfn-1 is missing" in html
    assert "<script" not in html and "&lt;script&gt;alert" in html


def test_the_page_is_written_again_when_a_stage_has_run(finished: Graph, call: Call) -> None:
    assert is_behind(finished)
    call("trace", "--page")
    assert not is_behind(finished)
    later = Path("reports/demo/trace.html").stat().st_mtime + 1
    os.utime(".esr/receipts/demo/train/rlfn-1.json", (later, later))
    assert is_behind(finished)


def test_a_page_that_names_a_fault_is_written_again_when_that_is_mended(finished: Graph, call: Call) -> None:
    """DVC's cache brings an output back, and no receipt is written."""
    curve = Path("runs/demo/train/rlfn-1/curve.csv")
    content = curve.read_bytes()
    curve.write_text("damaged")
    call("trace", "--page")
    curve.write_bytes(content)
    assert is_behind(finished)
    call("trace", "--page")
    assert not is_behind(finished)


@pytest.mark.parametrize("arguments", [[], ["slimrlfn", "--page"], ["--page", "--json"]])
def test_a_row_or_the_page(finished: Graph, call: Call, arguments: list[str]) -> None:
    code, out, err = call("trace", *arguments)
    assert (code, out) == (2, "") and "--page" in err and len(err.splitlines()) == 1


def test_what_does_not_match_is_named_by_its_stage_and_its_fault(finished: Graph) -> None:
    assert faults() == {}
    edit(lambda params: params["finetune"]["slimrlfn-640"].update(patch=512))
    Path("runs/demo/distill/slimrlfn-distill/weights.safetensors").write_text("damaged")
    Path("runs/demo/teacher/slimrlfn-teacher/curve.csv").unlink()
    shutil.rmtree("data/demo/sources/div2k")
    Path(".esr/receipts/demo/download/div2k.json").unlink()
    found = faults()
    assert found["finetune@slimrlfn-640"] == ("stale",)
    assert found["distill@slimrlfn-distill"] == ("damaged",)
    assert found["teacher@slimrlfn-teacher"] == ("missing",)
    assert found["download@div2k"] == ("unrecorded", "missing")
    assert "fuse@slimrlfn" not in found  # its own inputs and outputs are what they were
    tuned = next(stage for stage in trace("slimrlfn").stages if stage.name == "finetune@slimrlfn-640")
    assert [(each.name, each.there, each.here) for each in tuned.differences] == [
        ("finetune.slimrlfn-640.patch", "640", "512")
    ]
    assert trace("rlfn").sound is False  # the source is behind it, too


def test_an_edit_of_code_is_named_by_its_file(finished: Graph) -> None:
    file = Path("esr/compression/fusion.py")
    file.write_text(file.read_text() + "\nEDITED = True\n")
    assert faults() == {"fuse@slimrlfn": ("stale",)}
    (difference,) = fused("slimrlfn").differences
    assert (difference.subject, difference.name) == ("code", "esr/compression/fusion.py")


def test_a_run_is_found_after_its_code_was_accepted(finished: Graph, call: Call) -> None:
    file = Path("esr/compression/fusion.py")
    file.write_text(file.read_text() + "\nEDITED = True\n")
    from esr.stages.accepting import accept

    assert accept(["fuse@slimrlfn"], "a constant that nothing reads") == ["fuse@slimrlfn"]
    stage = fused("slimrlfn")
    assert stage.faults == ()
    assert stage.accepted == ("a constant that nothing reads",)
    assert stage.circumstances is not None and stage.circumstances.commit


def test_a_leaderboard_that_was_edited_by_hand_is_named(finished: Graph, call: Call) -> None:
    """The rank stands nowhere else; the PSNR is the benchmark's, whatever the leaderboard says by now."""
    lay_leaderboard(finished, slimrlfn=1, rlfn=2)
    assert call("trace", "rlfn", "rank")[1].startswith("rlfn, rank: 2\n")
    assert trace("rlfn", "rank").sound
    Path("reports/demo/leaderboard.csv").write_text("entry,rank\nslimrlfn,2\nrlfn,1\n")
    out = call("trace", "rlfn", "rank")[1]
    assert "What lies on disk does not match:\n  report: damaged\n" in out
    assert faults("rlfn") == {"report": ("damaged",)}


def test_a_rank_has_the_measurements_of_all_rows_behind_it(finished: Graph) -> None:
    lay_leaderboard(finished, slimrlfn=1, rlfn=2)
    make(finished, finished.nodes["benchmark@rlfn"], word="measured again")
    Path("runs/demo/benchmark/rlfn/rounds.csv").write_text("damaged")
    found = {stage.name: stage.faults for stage in trace("slimrlfn", "rank").stages if stage.faults}
    assert found == {"report": ("stale",), "benchmark@rlfn": ("damaged",)}
    assert "benchmark@rlfn" not in {stage.name for stage in trace("slimrlfn", "psnr").stages}


def test_a_row_is_traced_while_there_is_no_leaderboard(finished: Graph) -> None:
    shutil.rmtree("reports")
    Path(".esr/receipts/demo/report/report.json").unlink()
    trail = trace("slimrlfn", "psnr_div2k-valid")
    assert (trail.value, trail.sound, trail.stages[0].name) == (28.25, True, "benchmark@slimrlfn")
    rank = trace("slimrlfn", "rank")
    assert (rank.value, rank.stages[0].faults) == (None, ("unrecorded", "missing"))


def test_a_leaderboard_that_dvc_alone_knows_is_current(finished: Graph) -> None:
    """As after `dvc pull`: dvc.lock has the digest of the folder that it was made from, and of no file in it."""
    place, node = Path(".esr/receipts/demo/report/report.json"), finished.nodes["report"]
    receipt = json.loads(place.read_text())
    place.unlink()
    deps = {path: receipt["deps"].get(path, f"{32 * '0'}.dir") for path in node.deps}
    both = {"deps": deps, "outs": receipt["outs"]}
    files = {name: [{"path": path, "md5": md5} for path, md5 in each.items()] for name, each in both.items()}
    locked = {"cmd": receipt["command"], "params": {"params.yaml": receipt["params"]}, **files}
    Path("dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"report": locked}}))  # JSON is YAML
    assert faults() == {}


def test_without_journals_the_hashes_are_there_all_the_same(finished: Graph) -> None:
    shutil.rmtree(".esr/journal")
    trail = trace("slimrlfn", "psnr")
    assert trail.sound
    assert {stage.circumstances for stage in trail.stages} == {None}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("slimrflm",), "slimrflm is no row of benchmark; give one of: "),
        (("slimrlfn", "pnsr"), "the leaderboard has no column pnsr; there are: "),
        (("slimrlfn", "psnr_moon"), "slimrlfn is not scored on that set: no psnr_moon; there are: psnr_"),
        (("slimrlfn", "published_psnr_valid"), "was not measured: it stands as it was printed under entries.slimrlfn"),
    ],
)
def test_what_cannot_be_traced_is_refused_in_one_line(
    finished: Graph, call: Call, asked: tuple[str, ...], says: str
) -> None:
    code, out, err = call("trace", *asked)
    assert (code, out) == (2, "")
    assert says in err and err.count("\n") == 1


def test_a_fused_row_that_is_measured_under_another_name(finished: Graph) -> None:
    edit(lambda params: params["benchmark"].update({"second": params["benchmark"].pop("slimrlfn")}))
    assert trace("slimrlfn-pruned").row == "slimrlfn-pruned"
    assert trace("slimrlfn").row == "second"  # by its row of fuse


@pytest.mark.slow
def test_a_thousand_stages_are_traced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    params = grow(two_entries({**read_yaml(ROOT / "params.yaml"), "scale": "demo"}), 1000)
    lay_project(params)
    finish(journals=False)
    assert stages(params) >= 1000
    last = list(params["benchmark"])[-1]
    assert trace(last).sound
