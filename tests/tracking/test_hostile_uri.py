"""MLFLOW_TRACKING_URI as people mistype it: one line that names it, from whoever reads it, and never a failed stage."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.tracking.address import shown, tracking_uri
from esr.tracking.mirror import drain, ensure_mirror, send_all

NAMES_NO_STORE = [
    "http://[::1",
    "http://host:port/",
    "http://host:99999",
    "https://",
    ":::",
    " ",
    "mlruns",
    "file:/tmp/mlruns",
    "sqlite:",
    "sqlite://",
    "sqlite:///",
    "sqlite:///.",
    "sqlite://mlflow.db",
    "sqlite:////nowhere/x.db",
    "foo://bar",
    "two\nlines",
]
NAMES_ONE = [
    "",  # as if it were not set
    "http://localhost:5000/",
    "https://user:p%40ss@host/mlflow",
    "http://[::1]:5000",
    "postgresql+psycopg2://user:secret@host:5432/mlflow",
    "mysql://host/mlflow",
    "databricks",
    "databricks://profile",
    "sqlite:///other.db",
]


@pytest.mark.parametrize("uri", NAMES_NO_STORE)
def test_what_names_no_store_costs_one_line(
    project: Path, uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ESR_MIRROR")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    ensure_mirror()
    lines = [capsys.readouterr().err.removesuffix("\n"), drain(), send_all()]
    for line in lines:
        assert f"MLFLOW_TRACKING_URI is {uri!r}, which " in line
        assert "sqlite:///FILE.db" in line  # what to do
        assert "\n" not in line
    assert not (project / ".esr").exists()  # no mirror was started


@pytest.mark.parametrize("uri", NAMES_ONE)
def test_what_names_a_store_is_taken(project: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    expected = {"": f"sqlite:///{project}/mlflow.db", "sqlite:///other.db": f"sqlite:///{project}/other.db"}
    assert tracking_uri() == expected.get(uri, uri)
    assert send_all() == ""  # there is nothing to send


def test_a_host_that_can_have_no_name_does_not_answer(
    project: Path, stage: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{'a' * 300}.org")
    stage(last=5)
    assert "it does not answer" in send_all()


def test_esr_track_ends_without_a_traceback(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@[::1")
    done = subprocess.run([sys.executable, "-m", "esr", "track"], capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert line.startswith("esr: ")
    assert "MLFLOW_TRACKING_URI is 'http://[::1'" in line
    assert "secret" not in line
    assert done.returncode != 0


@pytest.mark.parametrize("uri", NAMES_NO_STORE[:3])
def test_a_stage_runs_all_the_same(
    project: Path, stage: Callable[..., int], uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ESR_MIRROR")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert stage(last=5) == 0
    with pytest.raises(EsrError, match="MLFLOW_TRACKING_URI"):
        tracking_uri()


def test_a_password_is_never_shown() -> None:
    assert shown("http://user:secret@[::1") == "http://[::1"
    assert shown("http://user:p@ss@host:5000/a@b") == "http://host:5000/a@b"
    assert shown("sqlite:////home/a@b/mlflow.db") == "sqlite:////home/a@b/mlflow.db"
