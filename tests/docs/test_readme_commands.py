"""The commands of README.md and of the beginners' pages run as they stand; what does not run is found out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_project import ROOT, Project

SCRIPT = ROOT / ".ci" / "readme_commands.py"


def run_pages(project: Project, script: Path) -> "subprocess.CompletedProcess[str]":
    """Run the commands of the pages that lie beside the script, in the project."""
    return subprocess.run(
        [sys.executable, str(script), str(project.folder)],
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def bring_what_a_reader_has(folder: Path) -> None:
    """Released checkpoints, a set, a photo, an environment: what the pages take for granted."""
    from tests.release.made_checkpoints import made_checkpoint

    for name in ("team21_slimrlfn.pth", "team29_R2Net.pth"):
        torch.save(made_checkpoint(name), folder / name)
    hr = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    for name, image in {"HR/baby.png": hr, "LR_x4/babyx4.png": hr[::4, ::4]}.items():
        (folder / "Set5" / name).parent.mkdir(parents=True)
        Image.fromarray(image).save(folder / "Set5" / name)
    Image.fromarray(hr).save(folder / "photo.jpg")
    (folder / ".venv").symlink_to(sys.prefix)


@pytest.mark.slow
def test_the_commands_run_as_they_stand(working: Project) -> None:
    bring_what_a_reader_has(working.folder)
    before = (working.folder / "params.yaml").read_bytes()
    done = run_pages(working, SCRIPT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "$ esr evaluate slimrlfn.safetensors" in done.stdout
    assert "$ esr evaluate r2net.safetensors" in done.stdout
    assert "$ dvc metrics show" in done.stdout
    assert (working.folder / "params.yaml").read_bytes() == before


@pytest.fixture
def readme(tmp_path: Path) -> Project:
    """A folder with the script, a README to be written and pages without a command."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / SCRIPT.name).write_text(SCRIPT.read_text())
    (tmp_path / "docs").mkdir()
    for page in ("tutorial.md", "released-weights.md"):
        (tmp_path / "docs" / page).write_text("# A page\n")
    (tmp_path / "params.yaml").write_text("scale: demo\n")
    return Project(tmp_path)


def test_a_command_that_fails_is_found_out_and_the_next_block_still_runs(readme: Project) -> None:
    (readme.folder / "README.md").write_text("```bash\nls nothing\ntouch a\n```\n```console\n$ touch b\nsaid\n```\n")
    done = run_pages(readme, readme.folder / ".ci" / SCRIPT.name)
    assert done.returncode == 1
    assert "$ ls nothing" in done.stdout
    assert [(readme.folder / name).exists() for name in "ab"] == [False, True]


def test_what_takes_long_is_named_and_not_run_and_params_are_put_back(readme: Project) -> None:
    text = "```bash\nsed -i s/demo/paper/ params.yaml\nmake run    # long\nsnakemake --cores all \\\n  rlfn\n```\n"
    (readme.folder / "README.md").write_text(text + "```python\nnot a command\n```\n")
    done = run_pages(readme, readme.folder / ".ci" / SCRIPT.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if line.startswith("left out")] == [
        "left out, installs, trains or tests",
        "left out, trains",
    ]
    assert "$ sed -i" in done.stdout
    assert (readme.folder / "params.yaml").read_text() == "scale: demo\n"
    assert not (readme.folder / "runs").exists()
