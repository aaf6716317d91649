"""A stage's journal: never in the way."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esr.common.lock import is_held
from esr.tracking.journal import Journal, journal_path
from tests.tracking.a_stage import Play, head_of


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(path: Path, metric: str) -> list[tuple[int, float]]:
    lines = [event for event in events(path) if event["event"] == "metrics"]
    return [(line["step"], line["values"][metric]) for line in lines if metric in line["values"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identity" / "events.jsonl"


def test_a_journal_lies_by_scale_kind_key_and_identity() -> None:
    assert journal_path("demo", "finetune", "a-1", "0f") == Path(".esr/journal/demo/finetune/a-1/0f/events.jsonl")
    assert journal_path("demo", "report", "", "0f") == Path(".esr/journal/demo/report/report/0f/events.jsonl")


def test_events_in_their_order_between_begin_and_end(path: Path) -> None:
    journal = Journal(path, head_of(Play()))
    journal.metrics(1, loss=0.5, psnr=27.0)
    journal.close("finished", {"md5 out": "ab"})
    begin, metrics, end = events(path)
    assert begin["event"] == "begin"
    assert begin["head"] == head_of(Play())
    assert (metrics["step"], metrics["values"]) == (1, {"loss": 0.5, "psnr": 27.0})
    assert (end["status"], end["tags"]) == ("finished", {"md5 out": "ab"})
    assert begin["time"] <= metrics["time"] <= end["time"]


@pytest.mark.parametrize("torn", [b'{"event":"metrics","step":2,"val', b"\0" * 700], ids=["half a line", "zeros"])
def test_what_a_power_cut_tore_is_dropped(path: Path, torn: bytes) -> None:
    journal = Journal(path, head_of(Play()))
    journal.metrics(1, loss=0.5)
    journal.close("killed", {})
    with path.open("ab") as file:
        file.write(torn)
    again = Journal(path, head_of(Play()))
    again.metrics(2, loss=0.25)
    again.close("finished", {})
    assert told(path, "loss") == [(1, 0.5), (2, 0.25)]


def test_a_picture_is_kept_as_it_was(path: Path, tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.png"
    journal = Journal(path, head_of(Play()))
    for step, content in ((1, b"one"), (2, b"two"), (2, b"two")):
        drawing.write_bytes(content)
        journal.picture("sample", drawing, step=step)
    drawing.unlink()
    journal.close("finished", {})
    pictures = [event for event in events(path) if event["event"] == "picture"]
    assert [event["step"] for event in pictures] == [1, 2]  # the same again is not told again
    assert [(path.parent / event["file"]).read_bytes() for event in pictures] == [b"one", b"two"]


def test_a_journal_is_held_until_it_is_closed(path: Path) -> None:
    assert not is_held(path)
    journal = Journal(path, head_of(Play()))
    assert is_held(path)
    journal.close("finished", {})
    assert not is_held(path)


def test_a_killed_stage_holds_nothing(project: Path, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    process = start(wait_for="never", identity="0f")
    path = journal_path("demo", "train", "tiny-1", "0f")
    assert is_held(path)
    process.kill()
    process.wait()
    assert not is_held(path)


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.tracking.a_stage import Play, head_of
from esr.tracking.journal import Journal

journal = Journal(Path(sys.argv[1]), head_of(Play()))
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 250, resource.RLIM_INFINITY))  # no file may grow further
for step in range(10):
    journal.metrics(step, loss=0.5)
journal.picture("sample", Path(__file__))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.metrics(10, loss=0.5)
journal.close("finished", {})
"""


def test_a_full_disk_costs_events_and_one_line(path: Path, tmp_path: Path) -> None:
    script = tmp_path / "full_disk.py"
    script.write_text(FULL_DISK)
    done = subprocess.run(
        [sys.executable, str(script), str(path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )
    steps = [step for step, _ in told(path, "loss")]
    assert steps[0] == 0
    assert steps[-1] == 10  # there was room again
    assert 2 <= len(steps) < 11
    (line,) = done.stderr.splitlines()
    assert str(path) in line


def test_a_folder_that_cannot_be_written_costs_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "identity" / "events.jsonl", head_of(Play()))
    journal.metrics(1, loss=0.5)
    journal.picture("sample", tmp_path / "file")
    journal.close("finished", {})
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_stage_does_not_pay_for_mlflow() -> None:
    code = "import sys, esr.tracking.mirror; print([name for name in ('mlflow', 'ssl') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
