"""An MLflow server that is dead, hangs, or comes and goes: no stage notices, and nothing is lost or told twice."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from esr.tracking.journal import journal_path
from esr.tracking.mirror import send_all
from tests.tracking.a_stage import loss
from tests.tracking.mlflow_tables import Database, wait_until

Run = Callable[..., int]
CHILD = "03 train tiny-1"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
def server(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Start a real server on the project's database, always on the same port; stages are pointed to it."""
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    started: list[subprocess.Popen[bytes]] = []

    def start_server() -> "subprocess.Popen[bytes]":
        command = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        store = ["--backend-store-uri", f"sqlite:///{database.path}"]
        process = subprocess.Popen(
            [sys.executable, *command, *store],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
        started.append(process)
        wait_until(lambda: is_up(port))
        return process

    yield start_server
    for process in started:
        stop(process)


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
            return True
    except OSError:
        return False


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Kill the server with its workers."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back(
    server: Callable[[], "subprocess.Popen[bytes]"], database: Database, stage: Run
) -> None:
    first = server()
    stage(last=10, end="SIGKILL")
    assert send_all() == ""
    stop(first)
    stage(first=6, last=20)
    assert "esr track" in send_all()
    server()
    done = subprocess.run([sys.executable, "-m", "esr", "track"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MLflow has everything: http://127.0.0.1:")
    assert done.stderr == ""
    assert database.history(CHILD, "loss") == [(step, loss(step)) for step in range(20)]
    assert len(database.history(CHILD, "images_per_second")) == 20
    assert database.status(CHILD) == "FINISHED"
