"""When pruning stops, and what is handed on: dB below the unpruned network, and dB on a set by its name."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esr.common.errors import EsrError
from esr.compression import limits
from esr.recipes.graph import read_graph
from esr.stages.running import run_stage
from esr.training.validation import Validated, Validation
from esr.weights.weights_file import load_network
from tests.laid_project import lay_weights
from tests.tiny_project import Project

PRUNED = Path("runs/demo/prune/slimrlfn-pruned")


@pytest.fixture
def stage(with_sets: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A stage of up to three rounds of ten channels each, which prunes random weights."""
    project = with_sets.copy(tmp_path / "esr")
    monkeypatch.setenv("ESR_MIRROR", "off")
    monkeypatch.chdir(project.folder)

    def three(params: dict[str, Any]) -> None:
        params["scales"]["demo"]["training"]["length"]["prune_rounds_at_most"] = 3
        params["prune"]["slimrlfn-pruned"]["data"] = "df2k"

    project.edit(three)
    lay_weights(read_graph().find("prune", "slimrlfn-pruned"), "finetune/slimrlfn-640", "esr/networks/slimrlfn.py", {})
    return project


def limit(project: Project, **columns: object) -> None:
    """Give the row of `prune` these limits and no other; an optional set is joined in what it is validated on."""

    def change(params: dict[str, Any]) -> None:
        row = params["prune"]["slimrlfn-pruned"]
        del row["largest_psnr_loss"]
        row.update(validation="scored", **columns)

    project.edit(change)


def scored(monkeypatch: pytest.MonkeyPatch, **psnrs: Iterable[float]) -> None:
    """Have validations give these PSNRs in turn, by the set's name; "_" stands for "-"."""
    left = {name.replace("_", "-"): iter(values) for name, values in psnrs.items()}

    def validated(self: Validation, network: object) -> Validated:
        return Validated(next(left[self.images.manifest.parent.name]), np.zeros((4, 4, 3), "u1"))

    monkeypatch.setattr(Validation, "__call__", validated)


def pruned(*columns: str) -> tuple[list[tuple[str, ...]], int]:
    """Columns of each round, and the channels of the network that is handed on."""
    run_stage("prune", "slimrlfn-pruned")
    with (PRUNED / "rounds.csv").open() as file:
        rounds = [tuple(line[column] for column in columns) for line in csv.DictReader(file)]
    return rounds, sum(load_network(PRUNED / "weights.safetensors")[1].arguments["widths"])


def test_a_round_that_loses_too_much_is_not_handed_on(stage: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The team's own loss, 26.9136 -> 26.9016 dB, is still allowed; one of a ten-thousandth more is not."""
    limit(stage, largest_psnr_loss=0.012)
    scored(monkeypatch, scored=[26.9136, 26.9016, 26.9015])
    rounds, channels = pruned("channels", "psnr", "kept", "stopped_by")
    assert rounds == [
        ("360", "26.9136", "True", ""),
        ("350", "26.9016", "True", ""),
        ("340", "26.9015", "False", "largest_psnr_loss"),
    ]
    assert channels == 350


def test_pruning_stops_below_a_psnr_on_a_named_set(stage: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all images nothing is lost; on the named set, 26.8999 dB is below 26.90."""
    monkeypatch.setattr(limits, "_unmeasured", lambda part: "")  # its photographs taken for the set's own
    limit(stage, lowest_psnr={"div2k-valid": 26.90}, largest_psnr_loss=0.1)
    scored(monkeypatch, scored=[28.0, 28.0, 28.0], div2k_valid=[26.95, 26.90, 26.8999])
    rounds, channels = pruned("psnr_div2k-valid", "kept", "stopped_by")
    assert rounds == [("26.95", "True", ""), ("26.9", "True", ""), ("26.8999", "False", "lowest_psnr.div2k-valid")]
    assert channels == 350


def test_what_is_below_the_limit_unpruned_is_handed_on_whole(stage: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_unmeasured", lambda part: "")
    limit(stage, lowest_psnr={"div2k-valid": 26.90})
    scored(monkeypatch, scored=[28.0], div2k_valid=[26.5])
    assert pruned("round", "stopped_by") == ([("0", "lowest_psnr.div2k-valid")], 360)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("div2k-lsdir-valid", "the set holds no images here"),
        ("div2k-valid", "photographs stand in for the set here"),
    ],
)
def test_a_set_that_cannot_be_measured_is_told_of_and_the_other_limit_holds(
    stage: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    limit(stage, lowest_psnr={name: 99.0}, largest_psnr_loss=0.1)
    scored(monkeypatch, scored=[28.0, 27.0])
    assert pruned("stopped_by") == ([("",), ("largest_psnr_loss",)], 360)
    told = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert told == [f"prune@slimrlfn-pruned: lowest_psnr, 99 dB on {name}, is left out: {why}"]


def test_without_a_limit_that_can_be_measured_nothing_is_pruned(stage: Project) -> None:
    limit(stage, lowest_psnr={"div2k-lsdir-valid": 26.90, "div2k-lsdir-test": 26.99})
    told = (
        r"^prune@slimrlfn-pruned: lowest_psnr cannot be measured on div2k-lsdir-valid, div2k-lsdir-test here; give .*$"
    )
    with pytest.raises(EsrError, match=told):
        run_stage("prune", "slimrlfn-pruned")
    assert list(PRUNED.glob("*")) == []


def test_a_set_without_images_is_refused_before_anything_trains(stage: Project) -> None:
    def change(params: dict[str, Any]) -> None:
        params["prune"]["slimrlfn-pruned"]["validation"] = "div2k-lsdir-valid"

    stage.edit(change)
    with pytest.raises(EsrError, match=r"div2k-lsdir-valid/manifest\.json holds no image to validate on; give .*$"):
        run_stage("prune", "slimrlfn-pruned")
