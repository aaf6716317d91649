"""A finished project to be in, made once and copied."""

import copy
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph, read_graph
from tests.provenance.finished_project import finish, lay_project, two_entries
from tests.tiny_project import ROOT


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the finished project; copy it."""
    folder, before = tmp_path_factory.mktemp("finished") / "esr", Path.cwd()
    folder.mkdir()
    os.chdir(folder)
    try:
        lay_project(two_entries({**copy.deepcopy(read_yaml(ROOT / "params.yaml")), "scale": "demo"}))
        subprocess.run(["git", "init", "-q"], check=True)
        subprocess.run(["git", "add", "params.yaml", "dvc.yaml"], check=True)
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", *identity, "commit", "-qm", "made"], check=True)
        finish()
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """The graph of the finished project, in whose folder the test is."""
    shutil.copytree(finished_once, tmp_path / "esr")
    monkeypatch.chdir(tmp_path / "esr")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return read_graph()
