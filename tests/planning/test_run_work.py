"""The work of a run's trainings, counted beside the run."""

import subprocess
import sys
from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from esr.planning.run_work import Counting, run_work
from esr.recipes.graph import Graph
from esr.recipes.read import check
from tests.tiny_project import ROOT, wait_for


def test_phases_of_one_network_weigh_as_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """At paper: rlfn-2 is 1e6 iterations of 64 patches of 256, rlfn-3 as many of 512; attention rounds its maps."""
    monkeypatch.chdir(ROOT)
    params = {**read_yaml(ROOT / "params.yaml"), "scale": "paper"}
    counted = run_work(Graph(params, read_yaml(ROOT / "dvc.yaml")["stages"]), check(params))
    second, third = counted["finetune@rlfn-2"], counted["finetune@rlfn-3"]
    assert second[0] == third[0] == 1_000_000
    assert third[1] / second[1] == pytest.approx(4.0, rel=0.01)
    assert not {name for name in counted if name.startswith(("fuse@", "benchmark@", "crop@"))}


def test_another_process_counts_the_same_and_is_ended_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    counting = Counting()
    wait_for(lambda: bool(counting.work()), 300)
    assert counting.work()["train@rlfn-1"][1] > 0
    counting.end()


def test_who_has_it_counted_needs_no_torch() -> None:
    """`make run` does, and shows its view at once."""
    code = "import sys, esr.driving.driving; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_what_cannot_be_counted_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a project; and one whose counting is ended before it has begun."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    counting = Counting()
    wait_for(lambda: counting._process.poll() is not None, 300)
    assert counting.work() == {}
    counting.end()
    Counting().end()
