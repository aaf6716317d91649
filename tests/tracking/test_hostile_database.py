"""MLflow's database as others left it: `esr track` never says that a store has everything which has not."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.tracking.mirror import send_all
from tests.tracking.a_stage import loss
from tests.tracking.mlflow_tables import Database, send

Run = Callable[..., int]
CHILD = "03 train tiny-1"
PARENT = "tiny · demo · 3f2a91"


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


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


DAMAGES = [noise, cut, cut_in_half, folder, overwrite_a_page]


@pytest.fixture
def filled(database: Database, stage: Run) -> Database:
    """A store that has everything."""
    stage(last=5)
    assert send() == ""
    return database


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_told_of_in_one_line_and_left_as_it_is(
    filled: Database, damage: Callable[[Path], None]
) -> None:
    damage(filled.path)
    left = filled.path.read_bytes() if filled.path.is_file() else b""
    done = CliRunner().invoke(app, ["track"])
    assert isinstance(done.exception, EsrError)
    line = str(done.exception)
    assert done.stdout == ""
    assert "\n" not in line
    assert "sqlite:///mlflow.db" in line
    assert "move the file away" in line
    assert (filled.path.read_bytes() if filled.path.is_file() else b"") == left


@pytest.mark.slow
def test_after_the_damaged_file_is_moved_away_everything_is_sent_again(filled: Database) -> None:
    overwrite_a_page(filled.path)
    filled.path.rename("damaged.db")
    assert CliRunner().invoke(app, ["track"]).stdout == "MLflow has everything: sqlite:///mlflow.db\n"
    assert Path("damaged.db").exists()
    assert filled.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]
    assert filled.status(CHILD) == filled.status(PARENT) == "FINISHED"


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


def test_what_a_killed_writer_left_is_no_damage(half_written: Database) -> None:
    assert send_all() == ""
    assert half_written.status(CHILD) == "FINISHED"


@pytest.mark.slow
def test_what_a_killed_writer_left_is_not_played_back_into_the_next_database(half_written: Database) -> None:
    half_written.path.rename("moved.db")
    assert send_all() == ""
    assert send_all() == ""  # it is whole
    assert half_written.history(CHILD, "loss") == [(step, loss(step)) for step in range(5)]
