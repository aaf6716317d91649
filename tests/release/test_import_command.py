"""``esr import`` as a user meets it."""

import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from esr.cli import app
from esr.weights.weights_file import read_info
from tests.release.made_checkpoints import made_checkpoint


def test_a_checkpoint_becomes_weights_that_every_command_takes(tmp_path: Path) -> None:
    checkpoint, target = tmp_path / "team21_slimrlfn_prune.pth", tmp_path / "new" / "slim.safetensors"
    torch.save(made_checkpoint(checkpoint.name), checkpoint)
    result = CliRunner().invoke(app, ["import", "slimrlfn", str(checkpoint), str(target)], catch_exceptions=False)
    assert result.exit_code == 0 and str(target) in result.stdout
    assert read_info(target).arguments["widths"] == [28] * 10 + [30, 30]


def test_a_checkpoint_in_safetensors_is_the_same(tmp_path: Path) -> None:
    state = made_checkpoint("team29_R2Net.pth")
    torch.save(state, tmp_path / "released.pth")
    save_file(state, tmp_path / "released.safetensors")
    made = []
    for name in ("released.pth", "released.safetensors"):
        result = CliRunner().invoke(app, ["import", "r2net", str(tmp_path / name), str(tmp_path / f"{name}.out")])
        assert result.exit_code == 0, result.output
        made.append(load_file(tmp_path / f"{name}.out"))
    assert made[0].keys() == made[1].keys()
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_a_broken_one_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    checkpoint = tmp_path / "cut.pth"
    torch.save(made_checkpoint("team29_R2Net.pth"), checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    done = subprocess.run(
        [sys.executable, "-m", "esr", "import", "r2net", str(checkpoint), str(tmp_path / "out.safetensors")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and str(checkpoint) in done.stderr
