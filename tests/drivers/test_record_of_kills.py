"""What benchmarks/faults.py writes down of kills and damages, over sittings that end at any moment."""

import json
from pathlib import Path
from typing import Any

import faults
import pytest
import records
from fault_events import Events, Finding, Finished, Kill
from fault_pipeline import Pipeline

from tests.tiny_project import Project

FORMER: dict[str, Any] = {
    "kills": 2,
    "of": {"all": 2},
    "while these ran": {"train": 1},
    "pipelines that were finished": 1,
    "kills that they survived": 2,
    "files compared in each": 30,
    "temporary files left behind": 0,
    "found": [],
    "each": ["1: ...", "2: ..."],
}


def kill(number: int, pipeline: int) -> Kill:
    return Kill(number, "2026-11-22 08:00:00", f"0/{number}", "all", ["train@a"], 3.0, "esr run", -9, pipeline, "abc")


def test_what_was_found_is_told_also_where_the_sitting_ended_before_the_pipeline(tmp_path: Path) -> None:
    Events(tmp_path / "events.jsonl").add(Finding(1, "weights differ"))
    assert Events(tmp_path / "events.jsonl").summary()["found"] == ["pipeline 1: weights differ"]


def test_kills_of_a_record_whose_files_are_gone_count(tmp_path: Path) -> None:
    events = Events(tmp_path / "events.jsonl", [FORMER])
    assert (events.count, events.present) == (2, 2)
    events.add(kill(3, 2))
    events.add(Finished(2, kills=1, files=31, litter=1))
    told = Events(tmp_path / "events.jsonl", [FORMER]).summary()
    assert (told["kills"], told["of"], told["while these ran"]) == (3, {"all": 3}, {"train": 2})
    assert (told["pipelines that were finished"], told["kills that they survived"]) == (2, 3)
    assert (told["files compared in each"], told["temporary files left behind"]) == (31, 1)
    assert [line.split(":")[0] for line in told["each"]] == ["1", "2", "3"]


def test_a_record_of_damages_keeps_the_cases_of_the_one_that_it_goes_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    monkeypatch.setattr(faults, "damages", lambda *_: iter([{"damage": "b", "make run": 0}, {"damage": "c"}]))
    former = tmp_path / "former.json"
    former.write_text(json.dumps({"results": [{"damage": "a"}, {"damage": "b", "make run": 1}]}))
    nothing = Project(tmp_path)
    faults._damage(Pipeline(nothing, tmp_path, {}, nothing, "abc"), ["b", "c"], [former])
    (written,) = tmp_path.glob("*-damage.json")
    assert json.loads(written.read_text())["results"] == [
        {"damage": "a"},
        {"damage": "b", "make run": 0},
        {"damage": "c"},
    ]
