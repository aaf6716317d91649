"""An MLflow server that is dead, hangs, or comes and goes: no stage notices, and nothing is lost or told twice."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esr.tracking.journal import journal_path
from esr.tracking.mirror import send_all
from tests.tracking.a_stage import loss
from tests.tracking.mlflow_server import Server, free_port
from tests.tracking.mlflow_tables import Database

Run = Callable[..., int]
CHILD = "03 train tiny-1"


def assert_kept(line: str, port: int) -> None:
    """One line that says what became of the metrics and what to do; the journal has them."""
    assert f"http://127.0.0.1:{port}" in line
    assert ".esr/journal" in line
    assert "esr track" in line
    assert "\n" not in line
    assert b'"loss":1.0' in journal_path("demo", "train", "tiny-1", "0001").read_bytes()


def test_a_dead_server(project: Path, stage: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{port}")
    assert stage(last=5) == 0
    line = send_all()
    assert_kept(line, port)
    assert "secret" not in line
    done = subprocess.run([sys.executable, "-m", "esr", "track"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert_kept(done.stderr.removesuffix("\n"), port)
    assert "secret" not in done.stderr


@pytest.mark.slow
def test_a_server_that_hangs(project: Path, stage: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and never says a word
        port = deaf.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        assert stage(last=5) == 0
        assert_kept(send_all(), port)


@pytest.fixture
def server(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on the project's database, to which stages are pointed."""
    server = Server("--backend-store-uri", f"sqlite:///{database.path}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    yield server
    server.kill()


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back(server: Server, database: Database, stage: Run) -> None:
    server.start()
    stage(last=10, end="SIGKILL")
    assert send_all() == ""
    server.kill()
    stage(first=6, last=20)
    assert "esr track" in send_all()
    server.start()
    done = subprocess.run([sys.executable, "-m", "esr", "track"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MLflow has everything: http://127.0.0.1:")
    assert done.stderr == ""
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(20)]
    assert len(database.history(CHILD, "images_per_second")) == 20
    assert database.status(CHILD) == "FINISHED"
