"""MLflow's database as others left it: `esr track` never says that a store has everything which has not."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from a_stage import loss
from mlflow_tables import Database, send
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.common.lock import hold
from esr.tracking.address import tracking_uri
from esr.tracking.mirror import drain, lock_of, send_all

Run = Callable[..., int]
CHILD = "03 train tiny-1"
PARENT = "tiny · demo · 3f2a91"


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another_programs(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE recipes (dish TEXT)")


def overwrite_a_page(path: Path) -> None:
    """Noise over the first page of the table of metrics, which no look at the header finds."""
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'metrics'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with path.open("rb+") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHEAP = [noise, cut, cut_in_half, empty, another_programs, folder]


def esr_track() -> "subprocess.CompletedProcess[str]":
    """In a process of its own: mlflow keeps a file open that was moved away."""
    return subprocess.run([sys.executable, "-m", "esr", "track"], capture_output=True, text=True, check=False)


@pytest.fixture
def filled(database: Database, stage: Run) -> Database:
    """A store that has everything."""
    stage(last=5)
    assert send() == ""
    return database


@pytest.mark.parametrize("damage", [*CHEAP, overwrite_a_page])
def test_a_damaged_database_is_never_called_complete(
    filled: Database, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ESR_MIRROR")  # with `off` the end of a run looks at nothing
    damage(filled.path)
    left = filled.path.read_bytes() if filled.path.is_file() else b""
    done = CliRunner().invoke(app, ["track"])
    assert isinstance(done.exception, EsrError)
    line = str(done.exception)
    assert done.stdout == ""
    assert "\n" not in line
    assert str(filled.path) in line
    assert "file" in line
    assert (drain() == line) == (damage in CHEAP)  # only `esr track` reads every page
    assert (filled.path.read_bytes() if filled.path.is_file() else b"") == left


@pytest.mark.parametrize("damage", [noise, empty, overwrite_a_page])
def test_after_the_damaged_file_is_moved_away_everything_is_sent_again(
    filled: Database, damage: Callable[[Path], None]
) -> None:
    damage(filled.path)
    assert "move the file away" in send()
    filled.path.rename("damaged.db")
    assert esr_track().stdout == f"MLflow has everything: sqlite:///{filled.path}\n"
    assert Path("damaged.db").exists()
    assert filled.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]
    assert filled.status(CHILD) == filled.status(PARENT) == "FINISHED"


def test_a_new_stage_does_not_fill_another_programs_database(filled: Database, stage: Run) -> None:
    another_programs(filled.path)
    stage(first=5, last=8)
    assert "none of MLflow's tables" in send()
    assert filled.ask("SELECT name FROM sqlite_master") == ["recipes"]


def test_an_empty_database_in_the_place_of_the_old_one_is_filled(filled: Database, empty_database: Path) -> None:
    filled.path.write_bytes(empty_database.read_bytes())  # as a bare `mlflow ui` makes it after a `mv`
    assert send() == ""
    assert filled.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]
    assert filled.status(CHILD) == filled.status(PARENT) == "FINISHED"


def test_an_old_copy_of_the_database_is_brought_up_to_date(filled: Database, start: Run, stage: Run) -> None:
    old = filled.path.read_bytes()
    stage(first=5, last=9, end="failed")  # the same run grows
    stage(key="tiny-2", last=3)  # and another one comes
    assert send() == ""
    filled.path.write_bytes(old)
    assert send() == ""
    assert filled.history(CHILD, "loss") == [(step, loss(step)) for step in range(9)]
    assert filled.history("03 train tiny-2", "loss") == [(step, loss(step)) for step in range(3)]
    assert filled.status(CHILD) == filled.status(PARENT) == "FAILED"


@pytest.mark.parametrize("name", [CHILD, PARENT])
def test_a_run_that_somebody_deleted_for_good_is_sent_again(filled: Database, name: str) -> None:
    with closing(sqlite3.connect(filled.path)) as database:
        (run,) = database.execute("SELECT run_uuid FROM runs WHERE name = ?", (name,)).fetchone()
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run,))
        database.commit()
    assert send() == ""
    assert filled.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]
    assert filled.status(CHILD) == filled.status(PARENT) == "FINISHED"
    (parent,) = filled.ask("SELECT run_uuid FROM runs WHERE name = ?", PARENT)
    assert filled.tags(CHILD)["mlflow.parentRunId"] == parent


KILLED_WRITER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")  # pages go to the file before the commit
database.execute("UPDATE runs SET name = 'half done'")
for number in range(2000):
    database.execute("INSERT INTO tags SELECT 'k' || ?, 'v', run_uuid FROM runs", (number,))
os._exit(9)
"""


@pytest.fixture
def half_written(filled: Database) -> Database:
    """The store after somebody was killed within a commit: SQLite's journal waits to be played back."""
    subprocess.run([sys.executable, "-c", KILLED_WRITER, str(filled.path)], check=False)
    assert Path(f"{filled.path}-journal").stat().st_size > 0
    return filled


def test_what_a_killed_writer_left_is_no_damage(half_written: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESR_MIRROR")
    assert drain() == ""
    assert send() == ""
    assert half_written.status(CHILD) == "FINISHED"


def test_what_a_killed_writer_left_is_not_played_back_into_the_next_database(half_written: Database) -> None:
    half_written.path.rename("moved.db")
    assert esr_track().stdout.startswith("MLflow has everything")
    assert send() == ""  # it is whole
    assert half_written.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]


def test_nothing_is_sent_beside_a_mirror_that_does_not_make_way(filled: Database, start: Run) -> None:
    start(key="tiny-2", wait_for="never")
    assert send() == ""
    with closing(sqlite3.connect(filled.path)) as database:
        database.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = ?", (CHILD,))
        database.commit()
    with lock_of(tracking_uri()).open("a") as lock:
        hold(lock)  # as the mirror does
        assert "not all was sent in time" in send_all(timeout=0.5)
    assert filled.ask("SELECT count(*) FROM runs WHERE name = ?", CHILD) == [1]
    assert send() == ""
    assert filled.ask("SELECT count(*) FROM runs WHERE name = ? AND lifecycle_stage = 'active'", CHILD) == [1]
