"""The tiny pipeline through Slurm itself, as users meet it: two nodes with two GPUs each that are names only."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.two_nodes import Cluster, missing, own_profile, two_nodes
from tests.tiny_project import Project, wait_for
from tests.tracking.mlflow_tables import Database

PLUGIN = "snakemake_executor_plugin_slurm"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}; Debian: slurm-wlm and munge"),
    pytest.mark.skipif(importlib.util.find_spec(PLUGIN) is None, reason=f"{PLUGIN} is missing: pip install '.[slurm]'"),
]
DAWDLE = "        __import__('time').sleep(__import__('os').path.exists('dawdle'))\n"
TRAIN = "runs/demo/train/rlfn-1/weights.safetensors"
TRAIN_LOG = "logs/demo/train/rlfn-1.log"
SNAKEMAKE = ("snakemake", "--profile", "workflow/profiles/slurm", "--profile", "here")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="esr-slurm-") as folder, two_nodes(Path(folder)) as running:
        yield running


@pytest.fixture
def environment(cluster: Cluster, tmp_path: Path) -> dict[str, str]:
    """What a user of the cluster has set, with a profile of their own."""
    own_profile(tmp_path / "config")
    path = os.pathsep.join([str(Path(sys.executable).parent), cluster.environment["PATH"]])
    return {**cluster.environment, "PATH": path, "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def dawdling(working: Project) -> Project:
    """A finished project whose training is out of date; RLFN takes a second more while a file `dawdle` is there."""
    network = working.folder / "esr/networks/rlfn.py"
    head = "    def _upscale(self, x: Tensor) -> Tensor:\n"
    assert head in network.read_text()
    network.write_text(network.read_text().replace(head, head + DAWDLE))
    working.edit(lambda params: params["scales"]["demo"]["training"]["length"].update(first=130))
    (working.folder / TRAIN_LOG).unlink()
    return working


def start(project: Project, *command: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a driver as a shell does; what it says goes to ``driver.log``."""
    with (project.folder / "driver.log").open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=project.folder,
            env=project.environment(**environment),
            stdout=out,
            stderr=out,
            text=True,
            start_new_session=True,
        )


def said(project: Project) -> str:
    return (project.folder / "driver.log").read_text()


def training_job(cluster: Cluster, state: str) -> str:
    """The number of the job that trains, if it is in this state; else an empty word."""
    return next((job for job, now, _, about in cluster.jobs() if now == state and "_train_" in about), "")


def trains(project: Project) -> bool:
    """Whether the training is at work: it has written a line of its curve."""
    log = project.folder / TRAIN_LOG
    return log.exists() and "iteration" in log.read_text()


def losses(project: Project) -> dict[str, list[tuple[int, float]]]:
    """What MLflow has of every stage: its loss at each step."""
    database = Database(project.folder / "mlflow.db")
    names = database.ask("SELECT DISTINCT name FROM runs WHERE status = 'FINISHED'")
    return {name: database.history(name, "loss") for name in names}


def test_the_tiny_pipeline_ends_as_on_one_machine(
    made: Project, untouched: Project, tmp_path: Path, cluster: Cluster, environment: dict[str, str]
) -> None:
    mirrored = {**environment, "ESR_MIRROR": "on"}
    run = start(untouched, "esr", "run", "--profile", "slurm", "--profile", "here", **mirrored)
    assert run.wait() == 0, said(untouched)
    asked = {comment.split("_")[1] for comment in cluster.comments()}
    assert asked == {
        "teacher",
        "distill",
        "train",
        "finetune",
        "prune",
        "benchmark",
    }  # the others ran beside the driver
    assert untouched.weights() == made.weights()
    assert "up to date" in untouched.well("dvc", "status")
    assert "Nothing to be done" in untouched.well("snakemake", "-n")
    here = made.copy(tmp_path / "here")
    here.well("esr", "track")
    assert losses(untouched) == losses(here)
    assert any(losses(here).values())


def test_a_phase_longer_than_its_time_limit_ends_with_the_same_bytes_on_another_node(
    dawdling: Project, tmp_path: Path, cluster: Cluster, environment: dict[str, str]
) -> None:
    """Slurm counts in minutes and looks twice a minute: of three minutes, the job has one and a half or more."""
    local = dawdling.copy(tmp_path / "local")
    local.well("esr", "train", "rlfn-1")
    (dawdling.folder / "dawdle").touch()
    run = start(dawdling, *SNAKEMAKE, "--set-resources", "train:runtime=3", "--", TRAIN, **environment)
    try:
        wait_for(lambda: bool(training_job(cluster, "RUNNING")), 180)
        job = training_job(cluster, "RUNNING")
        first = cluster.about(job)
        assert (first["TimeLimit"], first["TresPerJob"]) == ("00:03:00", "gres:gpu:1")
        wait_for(lambda: cluster.about(job)["JobState"] == "PENDING", 240)
        (dawdling.folder / "dawdle").unlink()
        cluster.ask("scontrol", "update", f"NodeName={first['NodeList']}", "State=DRAIN", "Reason=test")
        cluster.ask("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm lets two minutes pass
        wait_for(lambda: training_job(cluster, "RUNNING") == job, 180)
        assert cluster.about(job)["NodeList"] != first["NodeList"]
        cluster.ask("scontrol", "update", f"NodeName={first['NodeList']}", "State=RESUME")
        assert run.wait(1200) == 0, said(dawdling)
    finally:
        end(run)
    assert int(cluster.about(job)["Restarts"]) >= 1
    assert dawdling.weights()[TRAIN] == local.weights()[TRAIN]
    assert "goes on from iteration" in (dawdling.folder / TRAIN_LOG).read_text()  # Snakemake begins it anew each time
    assert re.search(rf"SLURM jobid {job} \(log: \S+/logs/slurm/rule_train/rlfn-1/{job}.log\)", said(dawdling))


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGTERM"])
def test_a_cancelled_make_run_leaves_no_job_behind(
    dawdling: Project, cluster: Cluster, environment: dict[str, str], name: str
) -> None:
    (dawdling.folder / "dawdle").touch()
    run = start(dawdling, "esr", "run", "--profile", "slurm", "--profile", "here", **environment)
    try:
        wait_for(lambda: bool(training_job(cluster, "RUNNING")) and trains(dawdling), 300)
        run.send_signal(getattr(signal, name))
        assert run.wait(120) == 128 + getattr(signal, name)
        wait_for(lambda: cluster.jobs() == [], 60)
    finally:
        end(run)
    assert "make run` goes on from there" in said(dawdling)


def test_a_stage_that_fails_is_not_tried_again_and_its_logs_are_named(
    working: Project, cluster: Cluster, environment: dict[str, str]
) -> None:
    network = working.folder / "esr/networks/rlfn.py"
    network.write_text(network.read_text().replace("        head = self.head(x)\n", "        head = missing(x)\n"))
    run = start(working, *SNAKEMAKE, "--", TRAIN, **environment)
    assert run.wait(600) == 1
    assert cluster.jobs() == []
    told = said(working)
    assert "has been submitted" in told and told.count("has been submitted") == 1
    assert TRAIN_LOG in told and re.search(r"logs/slurm/rule_train/rlfn-1/\d+\.log", told)
    last = told.strip().splitlines()[-1]
    assert last.startswith("esr: train@rlfn-1: network esr/networks/rlfn.py fails") and "name 'missing'" in last


def end(run: "subprocess.Popen[str]") -> None:
    """End a driver that a failed test leaves behind; the cluster's end ends its jobs."""
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
