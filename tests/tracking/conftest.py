"""An empty project to be in, stages to run in it, and what MLflow's database holds afterwards."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esr.tracking.mirror import QUIET
from tests.tracking.mlflow_tables import Database

STAGE = Path(__file__).with_name("a_stage.py")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow makes it at its first use, which takes seconds."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty project whose stages start no mirror."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESR_MIRROR", "off")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def database(project: Path, empty_database: Path) -> Database:
    """The project's own store, there and empty."""
    shutil.copy(empty_database, project / "mlflow.db")
    return Database(project / "mlflow.db")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a stage in a process of its own; gives the process when the stage has told what it has to tell."""
    started: list[subprocess.Popen[str]] = []

    def start_one(process_group: int | None = None, **play: Any) -> subprocess.Popen[str]:
        command = [sys.executable, str(STAGE), json.dumps(play)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=process_group)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "told\n"
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def stage(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., int]:
    """Run a stage from its beginning to its end; gives the exit code."""
    return lambda **play: start(**play).wait()
