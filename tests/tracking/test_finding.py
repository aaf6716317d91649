"""Where MLflow has the run of a stage, for whoever comes back from a number."""

from collections.abc import Callable

import pytest

from esr.tracking.finding import find_runs
from esr.tracking.journal import known_by
from tests.tracking.mlflow_tables import Database, send


def test_a_stage_s_run_is_found_by_its_journal(database: Database, stage: Callable[..., int]) -> None:
    stage(last=1)
    assert send() == ""
    tag = known_by("demo", "train", "tiny-1", "0001")
    (run,) = database.ask("SELECT run_uuid FROM runs WHERE name LIKE '03 train%'")
    assert find_runs([tag, "", "0" * 16]) == ({tag: run}, "")


def test_a_store_that_is_not_there_is_not_made(database: Database) -> None:
    database.path.unlink()
    assert find_runs(["0" * 16]) == ({}, "")
    assert not database.path.exists()


def test_a_server_that_does_not_answer_costs_a_line(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:9")
    found, trouble = find_runs(["0" * 16])
    assert found == {}
    assert "does not tell its runs" in trouble
    assert "secret" not in trouble
    assert "\n" not in trouble
