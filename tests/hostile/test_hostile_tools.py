"""The tools of the command line, with arguments that cannot be meant and a system that refuses."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from esr import cli
from esr.networks.rlfn import RLFN
from esr.weights.weights_file import WeightsInfo, save_weights
from tests.conftest import Call
from tests.hostile.refusals import refused


@pytest.fixture
def call(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return call


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    arguments: dict[str, Any] = {"channels": 8, "inner": 8, "blocks": 1, "esa_channels": 4}
    path = tmp_path / "w.safetensors"
    info = WeightsInfo("esr/networks/rlfn.py", arguments, True, 255.0, "made", {})
    save_weights(path, RLFN(**arguments).state_dict(), info)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((20, 24, 3), 100, np.uint8)).save(path)
    return path


class TestImport:
    """``esr import`` of a released checkpoint."""

    @pytest.fixture
    def checkpoint(self, tmp_path: Path) -> Path:
        from esr.weights.released_names import rlfn_names

        names = rlfn_names()
        path = tmp_path / "team00_rlfn.pth"
        state = RLFN(deploy=True).state_dict()
        torch.save({f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": state[key] for key in state}, path)
        return path

    def test_it_replaces_nothing_untold(self, call: Call, tmp_path: Path, checkpoint: Path) -> None:
        out = tmp_path / "out.safetensors"
        out.write_text("precious")
        refused(call("import", "rlfn", checkpoint, out), out, "there already", "--overwrite")
        assert out.read_text() == "precious"
        code, told, _ = call("import", "rlfn", checkpoint, out, "--overwrite")
        assert code == 0 and str(out) in told and out.stat().st_size > 1e6

    def test_it_never_replaces_the_checkpoint(self, call: Call, checkpoint: Path) -> None:
        before = checkpoint.read_bytes()
        refused(call("import", "rlfn", checkpoint, checkpoint, "--overwrite"), checkpoint, "would be replaced")
        assert checkpoint.read_bytes() == before

    def test_a_full_disk(self, call: Call, tmp_path: Path, checkpoint: Path) -> None:
        full = tmp_path / "full"
        full.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", full], check=False).returncode:
            pytest.skip("only root may mount a file system")
        try:
            refused(call("import", "rlfn", checkpoint, full / "rlfn.safetensors"), "No space left", "make room")
            assert list(full.iterdir()) == []
        finally:
            subprocess.run(["umount", full], check=True)

    def test_a_folder_is_no_output(self, call: Call, tmp_path: Path, checkpoint: Path) -> None:
        (tmp_path / "out").mkdir()
        refused(call("import", "rlfn", checkpoint, tmp_path / "out", "--overwrite"), tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []


class TestOddArguments:
    """One line that names the culprit, and nothing written."""

    @pytest.mark.parametrize("tile", [-24, -5, 0, 1, 25, 10**18 + 1])
    def test_tiles(self, call: Call, weights: Path, photo: Path, tile: int) -> None:
        refused(call("upscale", weights, photo, "out.png", "--tile", tile), tile, "multiple of 24")
        assert not Path("out.png").exists()

    @pytest.mark.parametrize("side", [-1, 0])
    def test_largest_side(self, call: Call, weights: Path, photo: Path, side: int) -> None:
        refused(call("upscale", weights, photo, "out.png", "--largest-side", side), side)

    @pytest.mark.parametrize("line", [["upscale", "w.safetensors", "", "out"], ["downscale", "", ""]])
    def test_an_empty_argument(self, call: Call, weights: Path, photo: Path, line: list[str]) -> None:
        """What a shell makes of ``"$FOLDER"`` without a FOLDER: not the current folder."""
        refused(call(*line), "argument is empty")
        assert sorted(path.name for path in Path.cwd().iterdir()) == ["photo.png", "w.safetensors"]

    def test_a_folder_for_weights(self, call: Call, tmp_path: Path, photo: Path) -> None:
        (tmp_path / "d.safetensors").mkdir()
        for command in (["upscale", "d.safetensors", photo, "out.png"], ["complexity", "d.safetensors"]):
            refused(call(*command), "d.safetensors is a folder")

    def test_an_output_that_is_a_folder(self, call: Call, weights: Path, photo: Path, tmp_path: Path) -> None:
        (tmp_path / "out.png").mkdir()
        assert call("upscale", weights, photo, tmp_path / "out.png")[0] == 0  # a folder, whatever its name
        assert [path.name for path in (tmp_path / "out.png").iterdir()] == ["photo.png"]

    def test_an_output_below_a_file(self, call: Call, weights: Path, photo: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        refused(call("upscale", weights, photo, tmp_path / "file/out.png"), "file/out.png")
        refused(call("upscale", weights, photo, tmp_path / "file"), "file")

    @pytest.mark.parametrize("name", ["n" * 300, "n" * 5000])
    def test_names_that_are_too_long(self, call: Call, weights: Path, photo: Path, name: str) -> None:
        refused(call("upscale", weights, photo, f"{name}.png"), name)
        refused(call("upscale", weights, f"{name}.png", "out.png"), name)
        refused(call("upscale", f"{name}.safetensors", photo, "out.png"), name)
        refused(call("evaluate", weights, "--hr", name), name)
        refused(call("downscale", name, "out"), name)
        refused(call("complexity", f"{name}.safetensors"), name)
        refused(call("import", "rlfn", f"{name}.pth", "out.safetensors"), name)

    @pytest.mark.parametrize(
        "size", ["1000001x1", "99999999999999999999x1", "1x" + "9" * 5000, "-1x5", "5", "x", "1x1\n"]
    )
    def test_sizes(self, call: Call, size: str) -> None:
        refused(call("complexity", "rlfn", "--size", size))

    def test_the_largest_size_that_is_counted(self, call: Call) -> None:
        code, out, _ = call("complexity", "rlfn", "--size", "1000000x1000000", "--json")
        small = json.loads(call("complexity", "rlfn", "--size", "1000x1000", "--json")[1])
        assert code == 0 and json.loads(out)["rlfn"]["convs"] == small["rlfn"]["convs"]


class TestTheSystemRefuses:
    """What the system says is told in a line; what is wrong with the software stays a traceback."""

    @pytest.mark.parametrize(
        ("failure", "told"),
        [
            (OSError(errno.ENOSPC, "No space left on device", ".esr/x"), [".esr/x", "No space left", "make room"]),
            (PermissionError(errno.EACCES, "Permission denied", "logs"), ["logs", "Permission denied", "writable"]),
            (OSError(errno.EIO, "Input/output error"), ["Input/output error"]),
            (MemoryError(), ["memory"]),
            (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), ["memory"]),
        ],
        ids=["disk", "permission", "nameless", "python", "torch"],
    )
    def test_as_a_last_resort(
        self, call: Call, monkeypatch: pytest.MonkeyPatch, failure: Exception, told: list[str]
    ) -> None:
        fails(monkeypatch, failure)
        refused(call("schema"), *told)

    @pytest.mark.parametrize("bug", [RuntimeError("shapes differ"), TypeError("None"), OSError("no system's")])
    def test_a_bug_stays_a_traceback(self, monkeypatch: pytest.MonkeyPatch, bug: Exception) -> None:
        fails(monkeypatch, bug)
        monkeypatch.setattr("sys.argv", ["esr", "schema"])
        with pytest.raises(type(bug)):
            cli.main()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to a full device")
    def test_a_full_disk_below_standard_output(self) -> None:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "esr", "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1 and os.strerror(errno.ENOSPC) in done.stderr


def fails(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Let the command ``schema`` fail."""

    def schema() -> str:
        raise failure

    monkeypatch.setattr("esr.recipes.schema.params_schema", schema)
