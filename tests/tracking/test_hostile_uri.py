"""MLFLOW_TRACKING_URI as people mistype it: one line that names it, and never a failed stage."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esr.tracking.mirror import drain, send_all, tracking_uri
from esr.tracking.troubles import kept, shown

NAMES_NO_STORE = ["http://[::1", "http://host:port/", "mlruns", "sqlite:", "sqlite://", "sqlite:///", "foo://bar"]


@pytest.mark.slow
def test_what_names_no_store_costs_one_line(
    project: Path, stage: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NAMES_NO_STORE[0])
    assert stage(last=5) == 0
    for uri in NAMES_NO_STORE:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        line = send_all()
        assert f"MLflow at {shown(tracking_uri())}: " in line
        assert "esr track" in line
        assert "\n" not in line


def test_a_stage_that_starts_a_mirror_runs_all_the_same(
    project: Path, stage: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ESR_MIRROR")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@[::1")
    assert stage(last=5) == 0
    assert "http://[::1" in drain()
    assert "secret" not in drain()


def test_esr_track_ends_without_a_traceback(
    project: Path, stage: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(last=5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@[::1")
    done = subprocess.run([sys.executable, "-m", "esr", "track"], capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert line.startswith("esr: MLflow at http://[::1: ")
    assert "secret" not in line
    assert done.returncode == 2


@pytest.mark.parametrize("uri", ["", "sqlite:///mlflow.db"])
def test_without_a_uri_the_store_is_the_projects_own(project: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking_uri() == "sqlite:///mlflow.db"


@pytest.mark.parametrize("uri", ["http://localhost:5000/", "https://user:p%40ss@host/mlflow", "databricks"])
def test_what_is_no_local_database_is_left_to_mlflow(project: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking_uri() == uri


def test_a_password_is_never_shown() -> None:
    assert shown("http://user:secret@[::1") == "http://[::1"
    assert shown("http://user:p@ss@host:5000/a@b") == "http://host:5000/a@b"
    assert shown("sqlite:////home/a@b/mlflow.db") == "sqlite:////home/a@b/mlflow.db"


def test_a_line_that_is_cut_shows_no_part_of_a_password() -> None:
    """It is cut after 300 characters: in the middle of this one, before the @ by which a password is known."""
    assert "secret" not in kept(f"{'x' * 270} http://user:secretsecret{'s' * 50}@host:5000 is not there")
