"""The mirror's process: started by stages, one at a time, expendable."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from esr.common.lock import is_held
from esr.tracking.mirror import POLL, drain, log_of, send_all, tracking_uri
from tests.tracking.a_stage import loss
from tests.tracking.mlflow_tables import Database, wait_until

Start = Callable[..., "subprocess.Popen[str]"]
CHILD = "03 train tiny-1"
PARENT = "tiny · demo · 3f2a91"


def mirror_lives() -> bool:
    return is_held(log_of(tracking_uri()))


def kill_mirrors() -> None:
    """Those of the current folder."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "esr.tracking.mirror" in process.cmdline() and process.cwd() == str(Path.cwd()):
                process.kill()


@pytest.fixture
def mirrored(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project, with stages that do start a mirror."""
    monkeypatch.delenv("ESR_MIRROR")
    yield project
    kill_mirrors()


@pytest.mark.slow
def test_eight_stages_at_once_on_a_fresh_project(mirrored: Path, start: Start) -> None:
    stages = [start(key=f"tiny-{number}", last=100, wait_for="go") for number in range(8)]
    wait_until((mirrored / "mlflow.db.new").exists)
    kill_mirrors()  # while MLflow makes its database, which takes seconds
    (mirrored / "go").touch()
    assert [stage.wait() for stage in stages] == [0] * 8
    assert send_all() == ""
    database = Database(mirrored / "mlflow.db")
    for number in range(8):
        assert database.history(f"03 train tiny-{number}", "loss") == [(step, loss(step)) for step in range(100)]
    assert database.ask("SELECT count(*) FROM runs WHERE status = 'FINISHED'") == [9]  # theirs and their entry's


def wait_until_more_than(sent: int, database: Database) -> None:
    wait_until(lambda: len(database.history(CHILD, "loss")) > sent)


@pytest.mark.slow
def test_a_mirror_killed_again_and_again_loses_nothing_and_repeats_nothing(
    mirrored: Path, database: Database, start: Start
) -> None:
    steps = 5000
    stage = start(last=steps, wait_for="go")
    sent = 0
    for _ in range(2):
        wait_until_more_than(sent, database)
        kill_mirrors()
        sent = len(database.history(CHILD, "loss"))
        assert sent < steps
        wait_until(lambda: not mirror_lives())
        start(key="tiny-2")  # the next stage starts a mirror
    (mirrored / "go").touch()
    stage.wait()
    assert send_all() == ""
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(steps)]
    assert len(database.history(CHILD, "images_per_second")) == steps


@pytest.mark.slow
def test_a_mirror_does_nothing_while_a_stage_measures_time(mirrored: Path, start: Start) -> None:
    stage = start(kind="benchmark", key="tiny", results={"psnr": 28.0}, exclusive=True, wait_for="go")
    wait_until(mirror_lives)
    time.sleep(2.5 * POLL)
    assert not list(mirrored.glob("mlflow.db*"))
    (mirrored / "go").touch()
    stage.wait()
    wait_until(lambda: bool(list(mirrored.glob("mlflow.db*"))))


@pytest.mark.slow
def test_a_mirror_sends_all_and_leaves_when_no_stage_lives(mirrored: Path, database: Database, start: Start) -> None:
    stage = start(last=20, wait_for="go")
    wait_until_more_than(10, database)  # while it runs
    (mirrored / "go").touch()
    stage.wait()
    wait_until(lambda: not mirror_lives())
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(20)]
    assert database.status(CHILD) == database.status(PARENT) == "FINISHED"


def test_at_the_end_of_a_run_all_is_sent_whoever_sends_it(mirrored: Path, database: Database, start: Start) -> None:
    stage = start(last=20, wait_for="go")
    wait_until_more_than(10, database)
    (mirrored / "go").touch()
    stage.wait()
    assert drain() == ""
    assert database.status(CHILD) == database.status(PARENT) == "FINISHED"


@pytest.mark.slow
def test_a_mirror_leaves_although_the_server_is_dead(
    mirrored: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    stage = start(last=5, wait_for="go")
    wait_until(mirror_lives)
    (mirrored / "go").touch()
    stage.wait()
    wait_until(lambda: not mirror_lives())
    assert "http://127.0.0.1:9: " in drain()
    assert "esr track" in drain()


@pytest.mark.slow
def test_ctrl_c_ends_the_stage_and_its_last_words_arrive(mirrored: Path, database: Database, start: Start) -> None:
    stage = start(last=20, wait_for="never", process_group=0)
    wait_until_more_than(10, database)
    os.killpg(stage.pid, signal.SIGINT)  # as a terminal does
    stage.wait()
    wait_until(lambda: database.status(CHILD) == database.status(PARENT) == "KILLED")


@pytest.mark.slow
def test_a_run_that_is_deleted_while_its_stage_runs_comes_back(
    mirrored: Path, database: Database, start: Start
) -> None:
    stage = start(last=20, wait_for="go")
    wait_until_more_than(10, database)
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
        connection.commit()
    (mirrored / "go").touch()
    stage.wait()
    assert drain() == ""
    assert database.status(CHILD) == database.status(PARENT) == "FINISHED"
    losses = "SELECT count(*) FROM metrics JOIN runs USING (run_uuid) WHERE key = 'loss' AND lifecycle_stage = 'active'"
    assert database.ask(losses) == [20]


@pytest.mark.slow
def test_a_database_that_is_deleted_while_a_stage_runs_is_told_of_and_made_anew(
    mirrored: Path, database: Database, start: Start
) -> None:
    stage = start(last=20, wait_for="go")
    wait_until_more_than(10, database)
    database.path.unlink()
    (mirrored / "go").touch()
    stage.wait()
    line = drain()
    assert "esr track" in line
    assert "\n" not in line
    assert send_all() == ""
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(20)]
    assert database.status(CHILD) == database.status(PARENT) == "FINISHED"


@pytest.mark.slow
def test_each_of_two_stores_has_a_mirror(
    mirrored: Path, database: Database, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    first = start(key="tiny-1", wait_for="never")
    wait_until(mirror_lives)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    start(key="tiny-2", last=20, wait_for="never")
    wait_until(lambda: len(database.history("03 train tiny-2", "loss")) == 20)
    assert first.poll() is None
