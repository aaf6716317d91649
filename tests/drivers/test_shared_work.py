"""A scale that shares out work, run: a stage trains as long as its share, and anew when its entry's work changes."""

import csv
from typing import Any

import pytest

from tests.tiny_project import Project

CURVE = "runs/demo/train/rlfn-1/curve.csv"


def share_out(params: dict[str, Any]) -> None:
    """RLFN: 1e6 iterations of 64 patches of 256 become 2 patches of 64, for the same work 512 times as many."""
    params["scales"]["demo"]["training"]["length"] = {"work": 4 * 1.4e18 / (1e6 * 512)}
    params["entries"]["rlfn"]["training_work"] = {"first": 0.4e18, "later": 1e18}


def iterations(project: Project) -> int:
    with (project.folder / CURVE).open() as file:
        return max(int(row["iteration"]) for row in csv.DictReader(file))


@pytest.mark.slow
def test_a_stage_trains_as_long_as_its_share(untouched: Project) -> None:
    untouched.edit(share_out)
    untouched.well("snakemake", "--cores", "all", CURVE)
    assert iterations(untouched) == 4
    untouched.edit(lambda params: params["entries"]["rlfn"].update(training_work={"first": 0.2e18, "later": 0.5e18}))
    untouched.well("snakemake", "--cores", "all", CURVE)
    assert iterations(untouched) == 8
