"""Damaged journals, and disks that take nothing: the rest arrives, and one line tells what did not."""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esr.common.errors import EsrError
from esr.tracking.journal import Journal, journal_path
from esr.tracking.mirror import ensure_mirror, send_all
from tests.tracking.a_stage import Play, head_of, loss
from tests.tracking.mlflow_tables import Database, send

Run = Callable[..., int]
CHILD = "03 train tiny-1"
DAMAGED = journal_path("demo", "train", "tiny-0", "0001")  # sorts before the sound one


def event(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


BEGIN: dict[str, Any] = {"event": "begin", "time": 1, "head": head_of(Play(key="tiny-0"))}
NO_JOURNALS = {
    "noise": os.urandom(5000),
    "noise in lines": os.urandom(500) + b"\n" + os.urandom(500) + b"\n",
    "zeros": bytes(5000),
    "no head": event(event="begin", time=1),
    "a head that is a list": event(**{**BEGIN, "head": []}),
    "a head with a number for a name": event(**{**BEGIN, "head": {**BEGIN["head"], "entry": 3}}),
    "a head with a tag that is no text": event(**{**BEGIN, "head": {**BEGIN["head"], "tags": {"device": 1}}}),
    "no time": event(**{name: value for name, value in BEGIN.items() if name != "time"}),
    "nested too deep": b"[" * 100_000 + b"\n",
    "a line without an end": b"x" * (40 << 20),
}
NO_EVENTS = {
    "values a text": event(event="metrics", time=2, step=1, values="high"),
    "a value that is a text": event(event="metrics", time=2, step=1, values={"loss": "high"}),
    "no time": event(event="metrics", step=1, values={"loss": 1.0}),
    "a status that nobody knows": event(event="end", time=2, status="tired", tags={}),
    "a picture without a file": event(event="picture", time=2, name="sample", step=1),
    "an event that nobody knows": event(event="party", time=2),
    "a list": b"[1, 2]\n",
    "noise": os.urandom(300).replace(b"\n", b"") + b"\n",
    "a long line": b"x" * (3 << 20) + b"\n",
}

NOTHING_TO_SEND = (NO_EVENTS["a picture without a file"],)


def assert_told_of(line: str, path: Path) -> None:
    assert str(path) in line
    assert "move away" in line
    assert "\n" not in line


@pytest.mark.parametrize("content", NO_JOURNALS.values(), ids=NO_JOURNALS)
def test_a_damaged_journal_is_passed_over(database: Database, stage: Run, content: bytes) -> None:
    stage(last=5)
    DAMAGED.parent.mkdir(parents=True)
    DAMAGED.write_bytes(content)
    assert_told_of(send(), DAMAGED)
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]
    assert database.status(CHILD) == "FINISHED"
    assert_told_of(send(), DAMAGED)  # until somebody has moved it away
    DAMAGED.unlink()
    assert send() == ""


def test_a_folder_in_the_place_of_a_journal_is_passed_over(database: Database, stage: Run) -> None:
    stage(last=5)
    DAMAGED.mkdir(parents=True)
    assert_told_of(send(), DAMAGED)
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]
    assert stage(key="tiny-0", last=5) == 0  # whose journal cannot be written


@pytest.mark.parametrize("line", NO_EVENTS.values(), ids=NO_EVENTS)
def test_a_damaged_line_is_passed_over_and_the_stage_goes_on(database: Database, stage: Run, line: bytes) -> None:
    stage(last=5, end="killed")
    path = journal_path("demo", "train", "tiny-1", "0001")
    with path.open("ab") as file:
        file.write(line)
    assert stage(first=5, last=8) == 0
    assert bool(re.search(rf"{path}: 1 of \d+ lines .*damaged", send())) is (line not in NOTHING_TO_SEND)
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(8)]
    assert database.status(CHILD) == "FINISHED"


def test_a_digit_that_flipped_never_reaches_mlflow(database: Database, stage: Run) -> None:
    """The line is JSON still, and its number another one: 2.0 for 1.0."""
    stage(last=5)
    path = journal_path("demo", "train", "tiny-1", "0001")
    written = path.read_bytes()
    value = f'"loss":{loss(2)}'.encode()
    assert written.count(value) == 1
    flipped = bytearray(value)
    flipped[-1] ^= 1
    path.write_bytes(written.replace(value, flipped))
    told = send()
    assert str(path) in told and "1 of" in told and "move the file away" in told
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(5) if step != 2]


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_disk_that_takes_nothing_costs_one_line(
    database: Database, stage: Run, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes to .esr is refused; root, whom modes do not stop, runs this test as well."""
    as_before = Path.open

    def refuse(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if set(mode) & set("wa+"):
            raise OSError(number, os.strerror(number))
        return as_before(path, mode, *more, **named)

    stage(last=5)
    monkeypatch.delenv("ESR_MIRROR")
    monkeypatch.setattr(Path, "open", refuse)
    ensure_mirror()
    (line,) = capsys.readouterr().err.splitlines()
    assert "does not start" in line
    assert os.strerror(number) in line
    with pytest.raises(EsrError, match=os.strerror(number)) as refusal:
        send_all()
    assert "\n" not in str(refusal.value)


class Refusing:
    """A journal's file on a disk that was mounted read-only in the middle of a stage."""

    def seek(self, *_: int) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    write = truncate = close = seek


def test_a_disk_that_becomes_read_only_does_not_stop_a_stage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(journal_path("demo", "train", "tiny-1", "0001"), head_of(Play()))
    journal._file = Refusing()  # type: ignore[assignment]
    journal.metrics(1, loss=1.0)
    journal.close("finished", {})
    assert len(capsys.readouterr().err.splitlines()) == 1
    shutil.rmtree(".esr")
