"""How much training follows a stage, against sums by hand."""

from typing import Any

import pytest

from esr.common.yaml_file import read_yaml
from esr.planning.ahead import work_ahead
from esr.recipes.graph import Graph
from esr.recipes.read import check
from tests.tiny_project import ROOT


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def ahead(kind: str, key: str, **rows: dict[str, Any]) -> float:
    params = read_yaml(ROOT / "params.yaml")
    params["scale"] = "paper"
    for table, changes in rows.items():
        for name, columns in changes.items():
            params[table][name].update(columns)
    graph = Graph(params, read_yaml(ROOT / "dvc.yaml")["stages"])
    return work_ahead(graph, check(params), graph.find(kind, key))


def test_phases_of_one_network_weigh_as_their_pixels() -> None:
    """rlfn-2: 1e6 x 64 patches of 256; rlfn-3: 1e6 x 64 of 512, four times the pixels; attention rounds its maps."""
    assert ahead("finetune", "rlfn-2") == pytest.approx(4.0, rel=0.01)
    assert ahead("train", "rlfn-1") == pytest.approx(5.0, rel=0.01)
    assert ahead("finetune", "rlfn-3") == 0.0


def test_a_teachers_pass_counts_a_third_of_its_training() -> None:
    """The teacher as heavy as its student, and as many pixels: distilling costs 3 + 1, training the teacher 3."""
    same = {"network": "esr/networks/slimrlfn.py", "arguments": {}}
    alone = {"slimrlfn-distill": {"teacher_network": "esr/networks/slimrlfn.py"}}
    with_distilling = ahead("teacher", "slimrlfn-teacher", teacher={"slimrlfn-teacher": same}, distill=alone)
    without = ahead("distill", "slimrlfn-distill", teacher={"slimrlfn-teacher": same}, distill=alone)
    assert with_distilling == pytest.approx(4 / 3 + without * 4 / 3)
