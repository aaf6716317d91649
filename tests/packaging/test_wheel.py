"""The wheel: what is in it, and its commands in a folder that is no project and far from the repository."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from tests.release.made_checkpoints import made_checkpoint
from tests.tiny_project import ROOT

PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because a build leaves folders beside the sources."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "esr", source / "esr", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy2(ROOT / name, source / name)
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*PIP, "wheel", *offline, "--wheel-dir", folder, source], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_every_file_of_the_package(wheel: Path) -> None:
    files = {path for path in (ROOT / "esr").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {path.relative_to(ROOT).as_posix() for path in files} - inside == set()
    assert {name.partition("/")[0] for name in inside if ".dist-info" not in name} == {"esr"}


def test_it_says_whose_it_is_and_carries_licence_and_notice(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition(".dist-info/")[2]: name for name in archive.namelist()}
        metadata = message_from_string(archive.read(names["METADATA"]).decode())
        assert archive.read(names["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
        assert archive.read(names["licenses/NOTICE"]) == (ROOT / "NOTICE").read_bytes()
    assert (metadata["License-Expression"], metadata["Author"]) == ("MIT", "the esr authors")


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", folder, wheel], check=True)
    return folder


@pytest.mark.slow
def test_its_commands_need_no_repository(site: Path, tmp_path: Path) -> None:
    def esr(*arguments: str) -> str:
        """What a command prints; it runs as the installed script does, in the empty folder."""
        done = subprocess.run(
            [sys.executable, str(site / "bin" / "esr"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    torch.save(made_checkpoint("team29_R2Net.pth"), tmp_path / "team29_R2Net.pth")
    (tmp_path / "hr").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)).save(tmp_path / "hr" / "a.png")

    assert "esr/networks/r2net.py" in esr("import", "r2net", "team29_R2Net.pth", "r2net.safetensors")
    assert json.loads(esr("complexity", "r2net.safetensors", "--json"))["r2net.safetensors"]["parameters"] == 214_800
    scores = json.loads(esr("evaluate", "r2net.safetensors", "--hr", "hr", "--json"))
    esr("upscale", "r2net.safetensors", "hr", "sr")
    with Image.open(tmp_path / "sr" / "a.png") as enlarged:
        assert enlarged.size == (4 * 80, 4 * 64)
    short = ("--size", "16x16", "--seconds", "0.1")
    measured = json.loads(esr("benchmark", "r2net.safetensors", "--hr", "hr", *short, "--json"))
    assert [network["quality"] for network in measured["networks"]] == [scores]
    (session,) = measured["run_time"]
    assert [network["ratio"]["value"] > 0 for network in session["networks"]] == [True]
    assert {path.name for path in tmp_path.iterdir()} == {"team29_R2Net.pth", "r2net.safetensors", "hr", "sr"}


def test_all_that_name_the_release_name_the_same(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert f"\n## [{version}] - {citation['date-released']}\n" in (ROOT / "CHANGELOG.md").read_text()
