"""A disk that is full stops a stage with one line, and what was saved last is still there."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from esr.training.checkpoints import Checkpoints
from tests.tiny_project import Project

WEIGHTS = "runs/demo/train/rlfn-1/weights.safetensors"
ONE_CHECKPOINT = 7  # MiB: RLFN's takes 5, so a second one does not fit beside the first
ITERATIONS = 10
# What `python -m esr train rlfn-1` does, but for a checkpoint after every iteration instead of every second.
SAVING_OFTEN = """
import sys
import esr.cli
from esr.training.checkpoints import Checkpoints
Checkpoints.due = lambda self: True
sys.argv = ["esr", "train", "rlfn-1"]
esr.cli.main()
"""


@pytest.fixture
def small_disk(working: Project) -> Iterator[Path]:
    """A file system with little room where the stage keeps its checkpoints."""
    place = working.folder / ".esr/checkpoints/demo/train"
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ONE_CHECKPOINT}m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_stage_with_one_line_and_it_goes_on_when_there_is_room(
    working: Project, small_disk: Path
) -> None:
    working.edit(lambda params: params["scales"]["demo"]["training"]["length"].update(first=ITERATIONS))
    unhindered = working.copy(working.folder.parent / "unhindered")
    unhindered.well("esr", "train", "rlfn-1")

    command = [sys.executable, "-c", SAVING_OFTEN]
    stopped = subprocess.run(
        command, cwd=working.folder, env=working.environment(), capture_output=True, text=True, check=False
    )
    assert stopped.returncode == 2
    last = stopped.stderr.splitlines()[-1]
    assert last.startswith("esr: cannot write .esr/checkpoints/demo/train/rlfn-1/")
    assert "No space left on device" in last and "Traceback" not in stopped.stderr
    (folder,) = (small_disk / "rlfn-1").iterdir()
    kept = Checkpoints(folder).load()
    assert kept is not None and 0 < kept["done"] < ITERATIONS

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert f"goes on from iteration {kept['done']} of {ITERATIONS}" in working.well("esr", "train", "rlfn-1")
    assert working.weights()[WEIGHTS] == unhindered.weights()[WEIGHTS]
