"""A checkpoint of SwinIR teaches an entry in a whole run, through either driver; its file is watched."""

import os
from pathlib import Path
from typing import Any

import pytest

from esr.weights.weights_file import read_info
from tests.release.made_foreign import made, written
from tests.tiny_project import Project, commit_all, keep_only

FOREIGN = "esr/networks/foreign.py"
IMPORTED, TAUGHT = (f"runs/demo/{stage}/weights.safetensors" for stage in ("import/swinir", "distill/taught"))


def learn_from_it(params: dict[str, Any]) -> None:
    """Add an entry that is IFADNet's first phase under another teacher, and what follows."""
    params["entries"]["taught"] = {**params["entries"]["ifadnet"], "title": "Taught", "training_work": None}
    checkpoint = {"network": FOREIGN, "checkpoint": "checkpoints/released.pth"}
    first = {**params["distill"]["ifadnet-distill"], "teacher": "import/swinir", "teacher_network": FOREIGN}
    params["import"]["swinir"] = {"entry": "taught", **checkpoint}
    params["distill"]["taught"] = {**first, "entry": "taught", "data": "div2k"}
    params["fuse"]["taught"] = {**params["fuse"]["ifadnet"], "entry": "taught", "from": "distill/taught"}
    params["benchmark"]["taught"] = {**params["benchmark"]["ifadnet"], "entry": "taught", "from": "fuse/taught"}
    params["join"]["scored"]["second"] = "challenge-2024"  # without the literature's test sets
    keep_only(params, {"taught"})


@pytest.fixture
def project(everything: Project, tmp_path: Path) -> Project:
    pytest.importorskip("spandrel", reason="spandrel is not installed: pip install 'esr[spandrel]'")
    project = everything.copy(tmp_path / "esr")
    written(project.folder / "checkpoints", made("SwinIR"))
    project.edit(learn_from_it)
    commit_all(project)
    return project


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_student_follows_its_foreign_teacher(project: Project) -> None:
    assert "distill taught" in project.well("esr", "plan")
    project.well("snakemake", "--cores", "all")
    assert read_info(project.folder / IMPORTED).origin == "released checkpoint released.pth, SwinIR by spandrel"
    assert "Every stage is up to date for both drivers." in project.well("esr", "sync")
    before = project.weights()

    file = project.folder / "checkpoints/released.pth"
    first, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    written(file.parent, made("SwinIR", seed=6))
    os.utime(file, ns=times)  # which DVC alone would take for the same file
    project.well("snakemake", "--cores", "all")
    other = project.weights()
    assert all(other[path] != before[path] for path in (IMPORTED, TAUGHT))

    file.write_bytes(first)
    project.well("dvc", "repro")
    assert project.weights() == before
    assert "Every stage is up to date for both drivers." in project.well("esr", "sync")

    file.write_bytes(first[: len(first) // 2])
    for driver in (["dvc", "repro"], ["snakemake", "--cores", "all"]):
        done = project.run(*driver)
        said = done.stdout + done.stderr
        assert done.returncode != 0
        assert "checkpoints/released.pth is cut short" in said
        assert "Traceback" not in said
