"""Images that are none, images that nobody can name on a terminal, and folders of them, through the three tools."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esr.cli import main
from esr.common.errors import EsrError, printable
from esr.common.files import write_text
from esr.common.progress import Progress
from esr.images import image_files as images
from esr.images.image_files import image_size, list_images, read_picture
from esr.weights.weights_file import WeightsInfo, build_network, save_weights
from tests.conftest import Call
from tests.hostile.refusals import Outcome, refused

TOOLS = ["upscale", "downscale", "evaluate"]


@pytest.fixture
def call(call: Call, tmp_path: Path) -> Call:
    """Run one of the tools on a folder; gives exit code, standard output and standard error."""
    torch.manual_seed(0)
    arguments = {"channels": 8, "blocks": 1, "esa_channels": 4}
    network = build_network("esr/networks/slimrlfn.py", arguments, deploy=True)
    weights = tmp_path / "w.safetensors"
    save_weights(
        weights, network.state_dict(), WeightsInfo("esr/networks/slimrlfn.py", arguments, True, 255.0, "made", {})
    )

    def run(tool: str, folder: Path, *more: object) -> Outcome:
        lines: dict[str, list[object]] = {
            "upscale": [weights, folder, tmp_path / "out"],
            "downscale": [folder, tmp_path / "out"],
            "evaluate": [weights, "--hr", folder],
        }
        return call(tool, *lines[tool], *more)

    return run


def photo(path: Path, side: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        Image.fromarray(np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)).save(file, "PNG")
    return path


def odd_file(kind: str, path: Path) -> None:
    """Something that is called an image and is no file."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(os.path.relpath(path))  # its name may have 108 bytes
        case "loop":
            path.symlink_to(path)
        case "dangling":
            path.symlink_to("nothing.png")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "socket", "loop", "dangling"])
class TestWhatIsNoFile:
    """It is named, and nothing waits for it."""

    @pytest.fixture
    def odd(self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        path = photo(tmp_path / "in/good.png").with_name("odd.png")
        odd_file(kind, path)
        return path

    @pytest.mark.parametrize("tool", TOOLS)
    def test_by_the_tools(self, call: Call, tool: str, odd: Path) -> None:
        refused(call(tool, odd.parent), odd)

    def test_by_the_readers(self, odd: Path) -> None:
        assert list_images(odd.parent) == [odd.with_name("good.png"), odd]
        for read in (read_picture, image_size):
            with pytest.raises(EsrError, match=r"odd\.png"):
                read(odd)


NAMES = [b"a\xff.png", b"a\x1b[31mred.png", b"two\nlines.png", "left\u202eright.png".encode()]


@pytest.mark.parametrize("name", NAMES, ids=["no-utf8", "escape", "newline", "bidi"])
class TestNames:
    """Names do nothing to a terminal, and can be shown and written everywhere."""

    @pytest.mark.parametrize("tool", TOOLS)
    def test_of_damaged_images(self, call: Call, tool: str, tmp_path: Path, name: bytes) -> None:
        path = tmp_path / "in" / os.fsdecode(name)
        photo(path)
        path.write_bytes(path.read_bytes()[:500])
        refused(call(tool, path.parent), "is damaged")

    def test_of_good_images(self, call: Call, tmp_path: Path, name: bytes) -> None:
        folder = photo(tmp_path / "in" / os.fsdecode(name)).parent
        for tool in TOOLS:
            code, out, err = call(tool, folder, *(["--overwrite"] if tool == "downscale" else []))
            assert code == 0
            assert all(line.isprintable() for line in out.split("\n") + err.split("\n"))

    def test_in_a_file(self, tmp_path: Path, name: bytes) -> None:
        write_text(tmp_path / "complaint", f"{os.fsdecode(name)} is damaged\n")
        assert "is damaged" in (tmp_path / "complaint").read_text(encoding="utf-8")

    def test_in_a_progress_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: bytes
    ) -> None:
        monkeypatch.setattr("esr.common.progress._ELSEWHERE", 0.0)
        with Progress(f"packing {os.fsdecode(name)}", 2, "images") as progress:
            progress.add(1)
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1 and shown[:-1].isprintable() and shown.startswith("packing ")


def test_what_is_not_plain_is_written_out() -> None:
    assert printable("grün 写真 a b.png") == "grün 写真 a b.png"
    assert printable("\x1b[2J\x07\r\n\t\x7f\x9b") == r"\x1b[2J\x07\r\n\t\x7f\x9b"
    assert printable("a\udcffb\u202ec\u2028d") == r"a\udcffb\u202ec\u2028d"


@pytest.mark.parametrize("option", ["--lr", "--sr"])
def test_one_folder_for_both_sides_of_a_pair(
    monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Path, option: str
) -> None:
    folder = photo(tmp_path / "in/a.png").parent
    if option == "--lr":
        refused(call("evaluate", folder, option, folder), folder, "named twice")
        return
    monkeypatch.setattr("sys.argv", ["esr", "evaluate", "--sr", str(folder), "--hr", str(folder)])
    with pytest.raises(SystemExit, match="2"):
        main()


class TestMemory:
    """An image that memory does not hold is named, and the others are made."""

    @pytest.mark.parametrize(
        "failure",
        [
            MemoryError(),
            np._core._exceptions._ArrayMemoryError((65536, 65536), np.dtype(np.float32)),  # type: ignore[attr-defined]
            RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried"),
            torch.OutOfMemoryError("CUDA out of memory."),
        ],
        ids=["python", "numpy", "torch", "gpu"],
    )
    @pytest.mark.parametrize("tool", ["upscale", "evaluate"])
    def test_of_a_network(
        self, call: Call, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
    ) -> None:
        from esr.networks.slimrlfn import SlimRLFN

        forward = SlimRLFN.forward
        side = {"upscale": 80, "evaluate": 20}[tool]

        def fails(self: SlimRLFN, x: torch.Tensor) -> torch.Tensor:
            if x.shape[-1] == side:
                raise failure
            return forward(self, x)

        monkeypatch.setattr(SlimRLFN, "forward", fails)
        folder = photo(tmp_path / "in/small.png").parent
        photo(folder / "large.png", side=80)
        refused(call(tool, folder), "large.png", "memory")
        if tool == "upscale":
            assert [path.name for path in (tmp_path / "out").iterdir()] == ["small.png"]

    @pytest.mark.parametrize("tool", TOOLS)
    def test_of_a_decoder(self, call: Call, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(path: Path, image: Image.Image) -> None:
            raise MemoryError

        monkeypatch.setattr(images, "read_rgb_png", fails)
        refused(call(tool, photo(tmp_path / "in/large.png").parent), "large.png", "memory")

    def test_of_what_is_made_smaller(self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr("esr.images.downscale.downscale", fails)
        refused(call("downscale", photo(tmp_path / "in/large.png").parent), "large.png", "memory")

    def test_of_what_is_written(self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object, **__: object) -> None:
            raise MemoryError

        folder, out = photo(tmp_path / "in/a.png").parent, tmp_path / "out"
        monkeypatch.setattr("esr.images.quick_png.putchunk", fails)
        refused(call("upscale", folder), out / "a.png", "memory")
        assert list(out.iterdir()) == []
