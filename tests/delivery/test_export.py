"""Exported networks: any size of image, what the file says of itself, and refusals that leave nothing behind."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, load_network, save_weights
from tests.conftest import Call
from tests.delivery.small_networks import SMALL

ONNX = ("onnx", "onnxscript", "onnxruntime")


def weights_of(network: str, arguments: dict[str, Any], folder: Path, file: Path | None = None) -> Path:
    torch.manual_seed(3)
    made = build_network(network, arguments, True, file)
    path = folder / "weights.safetensors"
    save_weights(path, made.state_dict(), WeightsInfo(network, arguments, True, data_range_of(made), "fuse@tried", {}))
    return path


def test_an_archive_takes_batches_of_any_size_and_says_what_it_is(tmp_path: Path, call: Call) -> None:
    weights = weights_of("esr/networks/rlfn.py", {"channels": 6, "inner": 6, "blocks": 1}, tmp_path)
    code, out, err = call("export", weights, tmp_path / "rlfn.pt2", "--format", "pt2")
    assert (code, err) == (0, "")
    assert "from 15 px on" in out

    said = {"esr.json": ""}
    program = torch.export.load(tmp_path / "rlfn.pt2", extra_files=said).module()
    own, _ = load_network(weights)
    for size in ((1, 3, 15, 40), (3, 3, 30, 23)):
        image = torch.rand(size) * 255
        with torch.no_grad():
            # The same operators, which fp32 rounds as it likes.
            assert torch.allclose(program(image), own(image), rtol=0, atol=255 * 1e-5)
    with pytest.raises(AssertionError, match="Guard failed"):  # not a wrong image
        program(torch.rand(1, 3, 14, 40))
    told = json.loads(said["esr.json"])
    assert told["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (told["origin"], told["network"]) == ("fuse@tried", "esr/networks/rlfn.py")
    assert (told["scale"], told["data_range"], told["smallest_side"]) == ("4", "255", "15")


@pytest.mark.parametrize("half", [False, True])
def test_an_onnx_file_runs_in_onnxruntime_and_shows_its_shapes(half: bool, tmp_path: Path, call: Call) -> None:
    onnx, _, onnxruntime = (pytest.importorskip(name) for name in ONNX)
    weights = weights_of("esr/networks/ifadnet.py", {"channels": 6, "pairs": 1, "esa_channels": 4}, tmp_path)
    code, _, err = call("export", weights, tmp_path / "net.onnx", *(["--fp16"] if half else []))
    assert (code, err) == (0, "")

    model = onnx.load(tmp_path / "net.onnx")
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output, *model.graph.value_info)
    }
    assert shapes["lr"] == ["batch", 3, "height", "width"]
    assert shapes["sr"] == ["batch", 3, "4*height", "4*width"]
    assert {name for node in model.graph.node for name in node.output} <= shapes.keys()
    told = {each.key: each.value for each in model.metadata_props}
    assert told["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert told["precision"] == ("float16" if half else "float32")

    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    own, _ = load_network(weights)
    for size in ((1, 3, 37, 22), (2, 3, 15, 64)):
        image = torch.rand(size).to(torch.float16 if half else torch.float32)
        (output,) = session.run(None, {"lr": image.numpy()})
        with torch.no_grad():
            largest = (torch.from_numpy(output).float() - own(image.float())).abs().max()
        assert largest < (2e-2 if half else 1e-4)


TOO_LARGE = """
from torch import Tensor, nn


class Large(nn.Module):
    data_range = 255.0

    def __init__(self) -> None:
        super().__init__()
        self.tail = nn.Conv2d(3, 48, 1)

    def forward(self, x: Tensor) -> Tensor:
        # 255 x 1000 is beyond what half precision holds.
        return nn.functional.pixel_shuffle(self.tail(x * 1000 / 1000), 4)


NETWORK = Large
"""


def test_half_precision_that_overflows_is_refused_and_nothing_is_written(tmp_path: Path, call: Call) -> None:
    file = tmp_path / "large.py"
    file.write_text(TOO_LARGE)
    weights = weights_of("large.py", {}, tmp_path, file)
    options = ("--format", "pt2", "--network", file)
    code, _, err = call("export", weights, tmp_path / "large.pt2", "--fp16", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert "without --fp16" in err
    assert not (tmp_path / "large.pt2").exists()
    assert call("export", weights, tmp_path / "large.pt2", *options)[0] == 0


@pytest.mark.parametrize("form", ["onnx", "pt2"])
@pytest.mark.parametrize(
    "network", [name if name == "safmn" else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_every_network_of_the_house_takes_any_size(network: str, form: str, tmp_path: Path, call: Call) -> None:
    """Quick is SAFMN, which follows the size in its pooling and pads to a multiple of 8."""
    for name in ONNX if form == "onnx" else ():
        pytest.importorskip(name)
    weights = weights_of(f"esr/networks/{network}.py", SMALL[network], tmp_path)
    code, out, err = call("export", weights, tmp_path / f"made.{form}", "--format", form)
    assert (code, err) == (0, "")
    found = re.search(r"from (\d+) px on", out)
    assert found and int(found[1]) <= 15  # which the attention needs
    own, info = load_network(weights)
    for size in ((1, 3, 15, 15), (2, 3, 16, 33), (1, 3, 40, 24), (1, 3, 23, 48)):
        image = torch.rand(size) * info.data_range
        with torch.no_grad():
            output = exported(tmp_path / f"made.{form}", image)
            assert torch.allclose(output, own(image), rtol=0, atol=info.data_range * 1e-4)


def exported(path: Path, image: Tensor) -> Tensor:
    """What an exported file makes of an image."""
    if path.suffix == ".pt2":
        output: Tensor = torch.export.load(path).module()(image)
        return output
    session = pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"lr": image.numpy()})[0])


LOOKS = """
from torch import Tensor, nn


class Looks(nn.Module):
    data_range = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.tail = nn.Conv2d(3, 48, 1)

    def forward(self, x: Tensor) -> Tensor:
        large = nn.functional.pixel_shuffle(self.tail(x), 4)
        return large if x.shape[-1] % 8 == 0 else large / 2


NETWORK = Looks
"""


def test_a_network_that_looks_at_the_size_is_refused_by_name(tmp_path: Path, call: Call) -> None:
    file = tmp_path / "looks.py"
    file.write_text(LOOKS)
    weights = weights_of("looks.py", {}, tmp_path, file)
    code, _, err = call("export", weights, tmp_path / "looks.pt2", "--format", "pt2", "--network", file)
    assert (code, err.count("\n")) == (2, 1)
    assert "Looks cannot be exported for images of any size" in err
    assert {path.name for path in tmp_path.iterdir()} <= {"looks.py", "weights.safetensors", "__pycache__"}


def test_wrong_names_and_missing_packages_are_one_line(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of("esr/networks/span.py", {"channels": 4, "blocks": 2}, tmp_path)
    code, _, err = call("export", weights, tmp_path / "span.pt2")
    assert (code, "does not end in .onnx" in err) == (2, True)
    (tmp_path / "there.onnx").write_text("mine")
    code, _, err = call("export", weights, tmp_path / "there.onnx")
    assert (code, "--overwrite" in err) == (2, True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name.startswith("onnx") else name)
    code, _, err = call("export", weights, tmp_path / "span.onnx")
    assert (code, err.count("\n")) == (2, 1)
    assert "onnx, onnxscript, onnxruntime not installed: pip install 'esr[onnx]'" in err
    assert (tmp_path / "there.onnx").read_text() == "mine"
