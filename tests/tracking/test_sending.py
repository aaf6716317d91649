"""What MLflow holds after stages have run: nothing missing, nothing twice, and easy to compare."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from esr.tracking.journal import journal_path
from esr.tracking.mirror import drain, send_all
from tests.tracking.a_stage import loss
from tests.tracking.mlflow_tables import Database, send

CHILD = "03 train tiny-1"
PARENT = "tiny · demo · 3f2a91"
TABLES = ("metrics", "params", "tags", "runs")
Run = Callable[..., int]


def exact(first: int, last: int) -> list[tuple[int, float]]:
    """The losses of these steps, each once."""
    return [(step, loss(step)) for step in range(first, last)]


def test_a_stage_becomes_a_run_below_its_entrys(database: Database, stage: Run) -> None:
    stage(last=1500)  # more metrics than MLflow takes at once
    assert send() == ""
    assert database.history(CHILD, "loss") == exact(0, 1500)
    (parent,) = database.ask("SELECT run_uuid FROM runs WHERE name = ?", PARENT)
    tags = database.tags(CHILD)
    assert tags["mlflow.parentRunId"] == parent
    assert (tags["level"], tags["entry"], tags["scale"], tags["kind"]) == ("stage", "tiny", "demo", "train")
    assert tags["md5 params.yaml"] == "1" * 32  # of an input
    assert tags["md5 weights.safetensors"] == "2" * 32  # of the output
    assert tags["git_commit"] == tags["mlflow.source.git.commit"] == "0" * 40
    assert database.params(CHILD) == {"threads": "2", "entry": "tiny", "patch": "256", "arguments.channels": "8"}
    assert database.params(PARENT)["train.tiny-1.patch"] == "256"
    assert database.params(PARENT)["scale.training.validate_every"] == "200"
    assert database.status(CHILD) == database.status(PARENT) == "FINISHED"


def test_times_are_the_stages_not_the_mirrors(database: Database, stage: Run) -> None:
    stage(last=2)
    lines = journal_path("demo", "train", "tiny-1", "0001").read_text().splitlines()
    begin, first, second, end = (json.loads(line)["time"] for line in lines)
    send()
    assert database.ask("SELECT start_time, end_time FROM runs") == [(begin, end)] * 2
    assert database.ask("SELECT timestamp FROM metrics WHERE key = 'loss' ORDER BY step") == [first, second]


def test_a_repeated_stage_adds_nothing(database: Database, stage: Run) -> None:
    for _ in range(2):
        stage(last=5)
        assert send() == ""
    assert database.ask("SELECT count(*) FROM runs") == [2]
    assert database.history(CHILD, "loss") == exact(0, 5)
    assert len(database.history(CHILD, "images_per_second")) == 5  # which differ from run to run


@pytest.mark.parametrize("end", ["SIGKILL", "killed"])  # without a word, and as after SIGTERM
def test_a_killed_stage_is_shown_as_killed_and_goes_on(
    database: Database, stage: Run, start: Callable[..., "subprocess.Popen[str]"], end: str
) -> None:
    stage(last=20, end=end)
    assert send() == ""
    assert database.status(CHILD) == database.status(PARENT) == "KILLED"
    resumed = start(first=12, last=30, wait_for="go")  # from its checkpoint
    assert send() == ""
    assert database.status(CHILD) == database.status(PARENT) == "RUNNING"
    Path("go").touch()
    resumed.wait()
    assert send() == ""
    assert database.ask("SELECT count(*) FROM runs") == [2]
    assert database.history(CHILD, "loss") == exact(0, 30)
    assert database.status(CHILD) == database.status(PARENT) == "FINISHED"


def test_a_stage_that_failed(database: Database, stage: Run) -> None:
    stage(key="tiny-1", end="failed")
    stage(key="tiny-2")
    send()
    assert database.status(CHILD) == "FAILED"
    assert database.status("03 train tiny-2") == "FINISHED"
    assert database.status(PARENT) == "FAILED"
    stage(key="tiny-1", identity="0002")  # its inputs were mended
    send()
    assert database.status(PARENT) == "FINISHED"


def test_a_stage_that_runs_is_shown_as_running(database: Database, start: Callable[..., object], stage: Run) -> None:
    start(last=3, wait_for="never")
    assert send() == ""
    assert database.history(CHILD, "loss") == exact(0, 3)
    assert database.status(CHILD) == database.status(PARENT) == "RUNNING"


@pytest.mark.slow
def test_a_changed_row_makes_a_second_parent_and_a_changed_input_a_second_child(database: Database, stage: Run) -> None:
    stage(last=3)
    stage(last=3, identity="0002", recipe="77bb00ff")
    stage(last=3, identity="0003", recipe="77bb00ff")
    send()
    assert sorted(database.ask("SELECT name FROM runs WHERE name LIKE 'tiny%'")) == [PARENT, "tiny · demo · 77bb00"]
    assert database.ask("SELECT count(*) FROM runs WHERE name = ?", CHILD) == [3]
    assert database.ask("SELECT count(*) FROM metrics WHERE key = 'loss'") == [9]


@pytest.mark.slow
def test_every_row_is_a_line_with_its_rounded_numbers(database: Database, stage: Run) -> None:
    measured = {"psnr": 28.10049, "time_ms": 80.0, "parameters": 205000.0, "stand_in": 1.0}
    stage(kind="benchmark", key="tiny", results=measured, exclusive=True)
    stage(kind="benchmark", key="tiny-pruned", results={**measured, "psnr": 28.0}, exclusive=True)
    stage(kind="benchmark", key="tiny", results={**measured, "time_ms": 79.0}, exclusive=True)  # measured again
    assert send() == ""
    query = "SELECT key, value FROM latest_metrics JOIN runs USING (run_uuid) WHERE name = ?"
    latest = dict(database.ask(query, PARENT))
    assert (latest["psnr"], latest["time_ms"]) == (28.1, 79.0)
    assert (latest["parameters_m"], "parameters" in latest, "stand_in" in latest) == (0.205, False, False)
    pruned = "tiny-pruned · demo · 3f2a91"
    assert dict(database.ask(query, pruned)) == {"psnr": 28.0, "time_ms": 80.0, "parameters_m": 0.205}
    assert database.tags(pruned)["level"] == database.tags(PARENT)["level"] == "entry"
    assert "mlflow.parentRunId" not in database.tags(pruned)
    assert database.status(pruned) == "FINISHED"
    assert database.tags(PARENT)["stand_in"] == "yes"
    assert "stand-in" in database.tags(PARENT)["mlflow.note.content"]


def test_a_line_whose_benchmark_failed_is_not_shown_as_finished(database: Database, stage: Run) -> None:
    """Its numbers are those of the time before."""
    pruned = "tiny-pruned · demo · 3f2a91"
    stage(kind="benchmark", key="tiny-pruned", results={"psnr": 28.0})
    assert send() == ""
    assert database.status(pruned) == "FINISHED"
    stage(kind="benchmark", key="tiny-pruned", end="failed")
    assert send() == ""
    assert database.status(pruned) == "FAILED"


def test_pictures_are_there_once(database: Database, stage: Run, project: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(project / "red.png")
    for _ in range(2):
        stage(kind="benchmark", key="tiny", last=1, picture="red.png")
        assert send() == ""
    pictures = sorted(project.glob("mlruns/*/*/artifacts/images/sample+step+1+*.png"))
    assert len(pictures) == 2  # one of the stage, one of its entry
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.getpixel((0, 0)) == (255, 0, 0)


def test_what_is_sent_again_adds_nothing(database: Database, stage: Run) -> None:
    stage(last=10)
    stage(kind="benchmark", key="tiny", results={"psnr": 28.0})
    stage(kind="benchmark", key="tiny", results={"psnr": 28.5})
    send()
    before = [database.ask(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES]
    assert send() == ""
    assert [database.ask(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES] == before


def test_a_sender_killed_within_a_curve_is_followed_by_one_that_repeats_nothing(
    database: Database, stage: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    whole = MlflowClient.log_batch
    calls = []

    def killed(client: MlflowClient, *arguments: Any, **named: Any) -> None:
        calls.append(arguments)
        if len(calls) > 1:
            raise SystemExit
        whole(client, *arguments, **named)

    stage(last=1500)
    monkeypatch.setattr(MlflowClient, "log_batch", killed)
    with pytest.raises(SystemExit):
        send()
    assert 0 < len(database.history(CHILD, "loss")) < 1500
    monkeypatch.setattr(MlflowClient, "log_batch", whole)
    assert send() == ""
    assert database.history(CHILD, "loss") == exact(0, 1500)
    assert len(database.history(CHILD, "images_per_second")) == 1500


def test_a_journal_that_lost_its_end_in_a_power_cut_adds_nothing(database: Database, stage: Run) -> None:
    stage(last=10)
    send()
    journal = journal_path("demo", "train", "tiny-1", "0001")
    journal.write_bytes(journal.read_bytes()[:-700])
    stage(first=2, last=12)
    assert send() == ""
    assert database.history(CHILD, "loss") == exact(0, 12)


def test_a_run_that_was_deleted_comes_back_whole(database: Database, stage: Run) -> None:
    from mlflow.tracking import MlflowClient

    stage(last=5)
    send()
    for run in database.ask("SELECT run_uuid FROM runs"):
        MlflowClient("sqlite:///mlflow.db").delete_run(run)
    assert send() == ""
    losses = "SELECT step, value FROM metrics JOIN runs USING (run_uuid) WHERE key = 'loss' AND lifecycle_stage = "
    assert database.ask(losses + "'active' ORDER BY step") == exact(0, 5)
    assert database.status(PARENT) == "FINISHED"


@pytest.mark.slow
def test_a_deleted_database_is_made_anew(database: Database, stage: Run) -> None:
    stage(last=5)
    assert send_all() == ""
    database.path.unlink()
    assert send_all() == ""
    assert database.history(CHILD, "loss") == exact(0, 5)


def test_two_clones_that_share_a_server_keep_their_runs_apart(
    database: Database, stage: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database.path}")
    for clone in ("one", "two"):
        (project / clone).mkdir()
        monkeypatch.chdir(project / clone)
        stage(last=5)
        assert send() == ""
    assert database.ask("SELECT count(*) FROM runs") == [4]
    assert database.ask("SELECT count(*) FROM metrics WHERE key = 'loss'") == [10]


def test_each_store_is_told_everything(
    database: Database, stage: Run, project: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(last=5)
    send()
    other = Database(project / "other.db")
    other.path.write_bytes(empty_database.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    stage(first=5, last=8)
    assert send() == ""
    assert other.history(CHILD, "loss") == exact(0, 8)
    assert database.history(CHILD, "loss") == exact(0, 5)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert send() == ""
    assert database.history(CHILD, "loss") == exact(0, 8)


def test_nothing_is_sent_while_a_stage_measures_time(
    database: Database, start: Callable[..., "subprocess.Popen[str]"], stage: Run
) -> None:
    stage(last=5)
    benchmark = start(kind="benchmark", key="tiny", results={"psnr": 28.0}, exclusive=True, wait_for="go")
    assert "measures time" in send()
    assert database.ask("SELECT count(*) FROM runs") == [0]
    Path("go").touch()
    benchmark.wait()
    assert send() == ""
    assert database.history(CHILD, "loss") == exact(0, 5)
    assert database.history(PARENT, "psnr") == [(0, 28.0)]


@pytest.mark.slow
def test_switched_off_only_esr_track_sends(database: Database, stage: Run) -> None:
    stage(last=5)  # the fixture `project` switches mirrors off
    assert drain() == ""
    assert database.ask("SELECT count(*) FROM runs") == [0]
    assert send_all() == ""
    assert database.history(CHILD, "loss") == exact(0, 5)
