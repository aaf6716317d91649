"""The row that params.yaml keeps ready, commented: SAFMN's released large form as IFADNet's teacher."""

import copy
import hashlib
from pathlib import Path

import pytest
import torch

from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.recipes.read import check
from esr.weights.weights_file import load_network
from tests.release.made_checkpoints import made_checkpoint
from tests.tiny_project import ROOT, Project

ROW = "# safmn-large: "
TRAINED, RELEASED = "teacher: teacher/ifadnet-teacher\n", "teacher: import/safmn-large\n"


@pytest.fixture
def chosen(untouched: Project) -> Project:
    """The project as it is committed, with the row uncommented and one line changed."""
    text = (ROOT / "params.yaml").read_text()
    assert (text.count(ROW), text.count(TRAINED)) == (1, 1)
    (untouched.folder / "params.yaml").write_text(text.replace(ROW, ROW[2:]).replace(TRAINED, RELEASED))
    return untouched


def test_uncommented_and_named_it_is_the_teacher(chosen: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(chosen.folder)
    params = read_yaml(Path("params.yaml"))
    check(copy.deepcopy(params))
    graph = Graph(params, read_yaml(Path("dvc.yaml"))["stages"])
    before = {node.name for node in graph.ancestors(graph.find("benchmark", "ifadnet"))}
    assert "import@safmn-large" in before
    assert "teacher@ifadnet-teacher" not in before


@pytest.mark.slow
def test_the_stage_takes_the_released_file(chosen: Project) -> None:
    place = Path("data/archives/checkpoints/safmn-large/SAFMN_L_DF2K_x4.pth")
    refused = chosen.run("esr", "import", "safmn-large", ESR_OFFLINE="1")
    assert refused.returncode == 2
    assert f"{place} is missing and ESR_OFFLINE is set; put the file of https://" in refused.stderr
    torch.save({"params": {}, "params_ema": made_checkpoint("safmn_large.pth")}, chosen.folder / place)
    refused = chosen.run("esr", "import", "safmn-large", ESR_OFFLINE="1")
    assert refused.returncode == 2
    assert "instead of 51732de198284e2baea8b9598438ec1411af3b98fae12a6b6c87d7ebec07219d" in refused.stderr
    sha256 = hashlib.sha256((chosen.folder / place).read_bytes()).hexdigest()
    chosen.edit(lambda params: params["import"]["safmn-large"].update(sha256=sha256))
    chosen.well("esr", "import", "safmn-large", ESR_OFFLINE="1")
    network, info = load_network(chosen.folder / "runs/demo/import/safmn-large/weights.safetensors")
    assert info.network == "esr/networks/safmn.py"
    assert sum(weight.numel() for weight in network.parameters()) == 5_600_816  # 5.60 M in SAFMN's paper
