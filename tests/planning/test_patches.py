"""A phase whose patch fits into no image is refused before the first phase of its entry trains."""

from pathlib import Path
from typing import Any

import pytest

from esr.common.errors import EsrError
from esr.recipes.graph import read_graph
from esr.recipes.read import check
from esr.stages.evidence import Evidence
from esr.stages.patches import refuse_patches
from tests.tiny_project import Project

LARGEST = 1408  # px: scikit-image's retina is 1411x1411, and sets are cut to multiples of 4


@pytest.fixture
def project(with_sets: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    copy = with_sets.copy(tmp_path / "esr")
    monkeypatch.chdir(copy.folder)
    return copy


def judge(kind: str, key: str) -> None:
    """What a stage is asked before it trains."""
    graph = read_graph()
    refuse_patches(Evidence(graph), check(graph.params), graph.find(kind, key))


def enlarge(project: Project, patch: int, table: str, *keys: str) -> None:
    """Give rows a patch that the scale's rule leaves as it is."""

    def change(params: dict[str, Any]) -> None:
        params["scales"]["demo"]["training"]["patch"] = {"divide": 1}
        for key in keys:
            params[table][key]["patch"] = patch

    project.edit(change)


def test_the_first_phase_refuses_what_the_last_could_not_train(project: Project) -> None:
    enlarge(project, 2048, "finetune", "rlfn-3")
    done = project.run("esr", "train", "rlfn-1")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("esr: finetune.rlfn-3: its patch of 2048 px ")
    assert "df2k" in done.stderr and f"{LARGEST} px are the most" in done.stderr
    assert not Path("runs/demo").exists() and not Path("logs/demo/train").exists()


def test_a_patch_that_fits_into_one_image_is_enough(project: Project) -> None:
    enlarge(project, LARGEST, "finetune", "rlfn-3")
    judge("train", "rlfn-1")
    enlarge(project, LARGEST + 4, "finetune", "rlfn-3")
    with pytest.raises(EsrError, match=r"finetune\.rlfn-3"):
        judge("train", "rlfn-1")


def test_phases_of_other_entries_do_not_matter_unless_they_are_made_from_it(project: Project) -> None:
    enlarge(project, 2048, "finetune", "slimrlfn-640")
    project.edit(lambda params: params["finetune"]["slimrlfn-640"].update(data="df2k"))
    judge("train", "rlfn-1")
    with pytest.raises(EsrError, match=r"finetune\.slimrlfn-640"):
        judge("teacher", "slimrlfn-teacher")
    project.edit(lambda params: params["distill"]["slimrlfn-distill"].update(teacher="train/rlfn-1"))
    with pytest.raises(EsrError, match=r"finetune\.slimrlfn-640"):
        judge("train", "rlfn-1")


def test_pruning_and_teachers_are_looked_at_too(project: Project) -> None:
    project.edit(lambda params: params["prune"]["slimrlfn-pruned"].update(data="df2k"))
    enlarge(project, 2048, "prune", "slimrlfn-pruned")
    with pytest.raises(EsrError, match=r"prune\.slimrlfn-pruned"):
        judge("teacher", "slimrlfn-teacher")


@pytest.mark.slow
def test_a_set_without_images_is_told(project: Project) -> None:
    def empty(params: dict[str, Any]) -> None:
        params["crop"]["nothing"] = {"source": "div2k", "smallest_side": 9999}
        params["finetune"]["rlfn-3"]["data"] = "nothing"

    project.edit(empty)
    judge("train", "rlfn-1")  # the set is not there yet
    project.well("esr", "crop", "nothing")
    with pytest.raises(EsrError, match=r"finetune\.rlfn-3: its set nothing holds no images at scale demo"):
        judge("train", "rlfn-1")


def test_a_set_that_is_to_be_made_again_is_not_judged(project: Project) -> None:
    """Who has followed the remedy is not held up by the images of before."""
    enlarge(project, 2048, "finetune", "rlfn-3")
    project.edit(lambda params: params["crop"]["flickr2k"].update(first=2))
    judge("train", "rlfn-1")


def test_stages_that_do_not_train_are_never_refused(project: Project) -> None:
    enlarge(project, 2048, "finetune", "rlfn-3")
    for kind, key in (("crop", "div2k"), ("fuse", "rlfn"), ("benchmark", "rlfn"), ("report", "")):
        judge(kind, key)
