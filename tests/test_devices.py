"""Several stages on several GPUs, which here are only names: each holds its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from tests.tiny_project import ROOT

HOLD = """
import os, sys
from esr.stages.devices import own_gpus
with own_gpus(int(sys.argv[1])) as mine:
    print(",".join(mine), os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.read()
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[Start]:
    """Starts stages that hold so many of the machine's GPUs until they are told to end."""
    started: list[subprocess.Popen[str]] = []

    def start(wanted: int, gpus: str = "0,1,2", **more: str) -> "subprocess.Popen[str]":
        own = {"CUDA_VISIBLE_DEVICES": gpus, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), **more}
        environment = {**os.environ, **own}
        command = [sys.executable, "-c", HOLD, str(wanted)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def held_by(stage: "subprocess.Popen[str]") -> list[str]:
    """The GPUs that a stage says it holds; waits until it holds them."""
    assert stage.stdout is not None
    mine, visible = stage.stdout.readline().rstrip("\n").split(" ")
    assert visible == mine, "CUDA must show what is held and nothing else"
    return mine.split(",") if mine else []


def test_two_jobs_of_slurm_that_both_see_a_gpu_0_do_not_wait_for_each_other(stages: Start) -> None:
    """Where Slurm confines a job's devices, CUDA numbers those of each job from 0."""
    jobs = [stages(1, gpus="0", SLURM_JOB_ID=number) for number in ("7", "8")]
    assert [held_by(job) for job in jobs] == [["0"], ["0"]]


def test_stages_of_one_job_of_slurm_share_its_gpus_out(stages: Start) -> None:
    two = [stages(1, gpus="0,1", SLURM_JOB_ID="7") for _ in range(2)]
    assert sorted(held_by(stage) for stage in two) == [["0"], ["1"]]


def test_each_stage_gets_a_gpu_of_its_own_and_the_next_one_waits(stages: Start) -> None:
    three = [stages(1) for _ in range(3)]
    owned = [held_by(stage) for stage in three]
    assert sorted(owned) == [["0"], ["1"], ["2"]]
    fourth = stages(1)
    three[1].kill()  # its lock goes with it
    assert held_by(fourth) == owned[1]


def test_stages_that_want_several_do_not_block_each_other(stages: Start) -> None:
    rivals = [stages(2), stages(2)]
    first = next(iter(_ready(rivals)))
    held = held_by(first)
    assert len(set(held)) == 2
    assert held_by(stages(1)) == [({"0", "1", "2"} - set(held)).pop()]
    first.kill()
    (other,) = (stage for stage in rivals if stage is not first)
    assert held_by(other) == sorted(held)


def _ready(stages: "list[subprocess.Popen[str]]") -> "list[subprocess.Popen[str]]":
    """Those that have said something; waits for one."""
    import select

    outputs = [stage.stdout for stage in stages if stage.stdout is not None]
    readable = select.select(outputs, [], [], 30)[0]
    return [stage for stage in stages if stage.stdout in readable]


def test_as_many_as_there_are(stages: Start) -> None:
    assert held_by(stages(4, gpus="GPU-a,GPU-b")) == ["GPU-a", "GPU-b"]
    assert held_by(stages(1, gpus="")) == []
    assert held_by(stages(0, gpus="5")) == []


def test_a_teachers_gpus_are_what_snakemake_reserves() -> None:
    params, stages = read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / "dvc.yaml")["stages"]
    params["teacher"]["slimrlfn-teacher"]["gpus"] = 4
    graph = Graph(params, stages)
    assert graph.find("teacher", "slimrlfn-teacher").resources["gpu"] == 4
    assert graph.find("distill", "slimrlfn-distill").resources["gpu"] == 1
