"""A row of ``import``: a released checkpoint in the place of what would have been trained, through both drivers."""

from pathlib import Path
from typing import Any

import pytest
import torch

from esr.common.errors import EsrError
from esr.recipes.rows import Import
from esr.weights.import_stage import import_row
from esr.weights.weights_file import load_network, read_info
from tests.release.made_checkpoints import made_checkpoint
from tests.tiny_project import Project

CHECKPOINT = "team21_slimrlfn.pth"
FUSED = "runs/demo/fuse/slimrlfn/weights.safetensors"
DRIVERS = pytest.mark.parametrize(
    "command",
    [
        pytest.param(["snakemake", "--cores", "all", FUSED], id="snakemake"),
        pytest.param(["dvc", "repro", "fuse@slimrlfn"], id="dvc"),
    ],
)


def released(params: dict[str, Any]) -> None:
    row = {"entry": "slimrlfn", "network": "esr/networks/slimrlfn.py", "checkpoint": f"checkpoints/{CHECKPOINT}"}
    params["import"] = {"slimrlfn-released": row}
    params["fuse"]["slimrlfn"]["from"] = "import/slimrlfn-released"


@pytest.fixture
def project(untouched: Project) -> Project:
    torch.save(made_checkpoint(CHECKPOINT), untouched.folder / "checkpoints" / CHECKPOINT)
    untouched.edit(released)
    return untouched


@pytest.mark.slow
@DRIVERS
def test_a_released_checkpoint_stands_in_for_training(project: Project, command: list[str]) -> None:
    project.well(*command)
    assert sorted(project.weights()) == [FUSED, "runs/demo/import/slimrlfn-released/weights.safetensors"]
    network, info = load_network(project.folder / FUSED)
    torch.testing.assert_close(network.state_dict()["head.weight"], made_checkpoint(CHECKPOINT)["conv_1.weight"])
    assert info.origin == f"released checkpoint {CHECKPOINT}"


@pytest.mark.slow
@DRIVERS
def test_another_checkpoint_is_imported_again(project: Project, command: list[str]) -> None:
    project.well(*command)
    torch.save(made_checkpoint("team21_slimrlfn_prune.pth"), project.folder / "checkpoints" / CHECKPOINT)
    project.well(*command)
    assert read_info(project.folder / FUSED).arguments["widths"] == [28] * 10 + [30, 30]


def test_a_network_without_a_known_release_is_named(tmp_path: Path) -> None:
    row = Import(entry="edrn", network="esr/networks/edrn.py", checkpoint="checkpoints/edrn.pth")
    with pytest.raises(EsrError, match=r"import@mine: no release of esr/networks/edrn\.py is known; .*rlfn"):
        import_row(row, "mine", tmp_path / "out.safetensors")
