"""A stage on two processes (gloo, CPU) trains what it trains on one, and no process outlives another."""

import csv
import subprocess
import sys

import psutil
import pytest
from safetensors.torch import load_file
from torch import Tensor

from tests.tiny_project import Project, wait_for

WEIGHTS = "runs/demo/teacher/slimrlfn-teacher/weights.safetensors"
CURVE = "runs/demo/teacher/slimrlfn-teacher/curve.csv"
# What `python -m esr teacher slimrlfn-teacher` does on a machine with so many GPUs, but on the CPU.
ON_RANKS = """
import sys
import esr.cli, esr.training.stage
esr.training.stage.ranks_of = lambda row: {ranks}
sys.argv = ["esr", "teacher", "slimrlfn-teacher"]
esr.cli.main()
"""


def start(project: Project, ranks: int) -> "subprocess.Popen[str]":
    """The stage on so many ranks."""
    command = [sys.executable, "-c", ON_RANKS.format(ranks=ranks)]
    return subprocess.Popen(
        command, cwd=project.folder, env=project.environment(), stderr=subprocess.PIPE, text=True, bufsize=1
    )


def lengthen(project: Project, iterations: int) -> None:
    project.edit(lambda params: params["scales"]["demo"]["training"]["length"].update(teacher=iterations))


def helper_of(stage: "subprocess.Popen[str]") -> psutil.Process:
    """The stage's helper, once it trains."""
    parent = psutil.Process(stage.pid)

    def helpers() -> list[psutil.Process]:
        """What the stage asks on its way (git, say) comes and goes; a helper has its rank."""
        return [child for child in parent.children() if is_helper(child)]

    wait_for(lambda: bool(helpers()), 60)
    return helpers()[0]


def is_helper(process: psutil.Process) -> bool:
    try:
        return bool(process.environ().get("LOCAL_RANK") == "1")
    except psutil.Error:
        return False


def trained(project: Project, ranks: int) -> tuple[dict[str, Tensor], list[dict[str, str]]]:
    copy = project.copy(project.folder.parent / f"on-{ranks}")
    stage = start(copy, ranks)
    said = stage.communicate(timeout=200)[1]
    assert stage.returncode == 0, said
    return load_file(copy.folder / WEIGHTS), list(csv.DictReader((copy.folder / CURVE).open()))


@pytest.mark.slow
def test_two_ranks_train_what_one_trains(working: Project) -> None:
    """The same samples, so the same weights but for the order of float32 sums, which Adam's first steps enlarge."""
    lengthen(working, 20)
    (one, curve_of_one), (two, curve_of_two) = trained(working, 1), trained(working, 2)
    assert one.keys() == two.keys()
    for name, weight in one.items():
        assert (weight - two[name]).abs().max() < 1e-4 * max(1.0, float(weight.abs().max())), name
    for point, other in zip(curve_of_one, curve_of_two, strict=True):
        assert float(other["loss"]) == pytest.approx(float(point["loss"]), rel=1e-3)


@pytest.mark.slow
def test_no_process_outlives_another(working: Project) -> None:
    """Rank 0 killed, then its helper killed, then a polite stop: each ends both, and the next run goes on."""
    lengthen(working, 5000)
    checkpoints = working.folder / ".esr/checkpoints/demo/teacher/slimrlfn-teacher"
    before = set(checkpoints.glob("*/latest.ckpt"))

    stage = start(working, 2)
    helper = helper_of(stage)
    wait_for(lambda: bool(set(checkpoints.glob("*/latest.ckpt")) - before), 120)
    stage.kill()
    assert psutil.wait_procs([helper], timeout=20)[0], "the helper lives on"
    stage.communicate()

    stage = start(working, 2)
    wait_until_said(stage, "goes on from iteration")
    helper_of(stage).kill()
    said = stage.communicate(timeout=30)[1]
    assert stage.returncode == 2
    assert "ended with code -9" in said and "Traceback" not in said

    stage = start(working, 2)
    wait_until_said(stage, "goes on from iteration")
    helper = helper_of(stage)
    stage.terminate()
    assert "was asked to stop" in stage.communicate(timeout=60)[1]
    assert stage.returncode == 143
    assert psutil.wait_procs([helper], timeout=5)[0], "the helper lives on"


def wait_until_said(stage: "subprocess.Popen[str]", text: str) -> None:
    assert stage.stderr is not None
    assert any(text in line for line in stage.stderr), f"it never said: {text}"
