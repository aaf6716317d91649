"""`esr upscale` by OpenVINO: the same images, and what happens where it cannot be had."""

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from skimage import data

from esr.images.image_files import read_picture, write_png
from esr.inference import openvino_network, upscaling_engine
from esr.inference.super_resolve import super_resolve
from esr.inference.torch_threads import on_threads
from esr.weights.weights_file import save_weights
from tests.conftest import Call
from tests.evaluation.made_networks import attentive_network, attentive_weights, info, nearest_weights

PHOTO = data.coffee()[100:150, 200:262]

BY_SIZE = """
import torch
import torch.nn.functional as F
from torch import nn


class BySize(nn.Module):
    data_range = 1.0

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = F.interpolate(x, scale_factor=4, mode="nearest")
        return self.gain * x if x.shape[-1] < 200 else x / 2


NETWORK = BySize
"""


@pytest.fixture
def call(call: Call) -> Call:
    """Run ``esr upscale ARGUMENTS...``."""
    return partial(call, "upscale")


@pytest.fixture
def openvino() -> Any:
    if reason := openvino_network.without_openvino():
        pytest.skip(reason)
    return openvino_network._import_openvino()


@pytest.fixture
def much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any image is enough for another engine to pay."""
    monkeypatch.setattr(upscaling_engine, "PAYS_FROM", 0)


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "openvino" else find_spec(name))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, much_to_do: None) -> None:
    """OpenVINO as it is where it does not know an operator."""

    def fail(network: object) -> None:
        raise RuntimeError("No conversion rule found\nfor aten::col2im")

    monkeypatch.setattr(upscaling_engine, "without_openvino", lambda: "")
    monkeypatch.setattr(upscaling_engine, "OpenVinoGraph", fail)


class TestWithOpenVino:
    """Where it is installed."""

    @pytest.fixture(autouse=True)
    def two_threads(self, openvino: Any) -> Iterator[None]:
        with on_threads(2):
            yield

    @pytest.fixture
    def pictures(self, tmp_path: Path) -> Path:
        """A folder of every kind: colour, grey, 16 bits, too small for a recorded graph, transparent."""
        folder = tmp_path / "in"
        write_png(folder / "colour.png", PHOTO)
        write_png(folder / "grey.png", PHOTO[3:, :57, :1])
        write_png(folder / "deep.png", PHOTO[:40, :33].astype(np.uint16) * 257)
        write_png(folder / "small.png", PHOTO[:9, :41])
        write_png(folder / "clear.png", np.concatenate([PHOTO, 255 - PHOTO[..., :1]], axis=2))
        return folder

    @pytest.fixture
    def equal(self, call: Call, tmp_path: Path) -> Callable[[Path, Path, str], None]:
        def run(weights: Path, source: Path, engine: str) -> None:
            code, out, _ = call(weights, source, tmp_path / "other", "--engine", engine)
            assert code == 0
            assert out.endswith("by OpenVINO\n")
            code, out, _ = call(weights, source, tmp_path / "own", "--engine", "pytorch")
            assert code == 0
            assert out.endswith("by PyTorch\n")
            for path in sorted((tmp_path / "own").iterdir()):
                own, other = (read_picture(tmp_path / name / path.name).pixels for name in ("own", "other"))
                levels = 257 if own.dtype == np.uint16 else 1
                assert own.dtype == other.dtype
                assert np.abs(own.astype(int) - other).max() <= levels

        return run

    def test_pictures_of_every_kind_are_those_of_pytorch(
        self, equal: Callable[[Path, Path, str], None], pictures: Path, tmp_path: Path
    ) -> None:
        equal(attentive_weights(tmp_path), pictures, "openvino")

    def test_it_is_chosen_where_there_is_much_to_do(
        self, equal: Callable[[Path, Path, str], None], pictures: Path, tmp_path: Path, much_to_do: None
    ) -> None:
        equal(attentive_weights(tmp_path), pictures / "colour.png", "auto")

    def test_little_is_not_worth_its_start(self, call: Call, pictures: Path, tmp_path: Path) -> None:
        code, out, _ = call(attentive_weights(tmp_path), pictures, tmp_path / "out")
        assert (code, out) == (0, f"{tmp_path / 'out'}: 5 images, by PyTorch\n")

    def test_a_network_of_one_s_own_goes_through_it_only_when_asked(
        self, call: Call, pictures: Path, tmp_path: Path, much_to_do: None
    ) -> None:
        """Where it decides by the size of an image a recorded graph would not notice."""
        weights = nearest_weights(tmp_path)
        code, out, _ = call(weights, pictures / "colour.png", tmp_path / "a.png")
        assert (code, out) == (0, f"{tmp_path / 'a.png'}: 1 image, by PyTorch\n")
        code, out, _ = call(weights, pictures / "colour.png", tmp_path / "b.png", "--engine", "openvino")
        assert (code, out) == (0, f"{tmp_path / 'b.png'}: 1 image, by OpenVINO\n")

    def test_tiles_equal_the_whole(self, call: Call, tmp_path: Path) -> None:
        image = data.coffee()[:120, :250]
        write_png(tmp_path / "a.png", image)
        code, _, _ = call(
            attentive_weights(tmp_path), tmp_path / "a.png", tmp_path / "b.png", "--tile", 96, "--engine", "openvino"
        )
        assert code == 0
        whole = super_resolve(attentive_network(), image, 255.0).astype(int)
        assert abs(whole - read_picture(tmp_path / "b.png").pixels).max() <= 1

    def test_a_network_that_decides_by_the_size_is_found_out(self, call: Call, tmp_path: Path, pictures: Path) -> None:
        state = load_file(nearest_weights(tmp_path))
        (tmp_path / "by_size.py").write_text(BY_SIZE)
        save_weights(tmp_path / "by_size.safetensors", state, info("by_size.py", 1.0))
        code, _, err = call(
            tmp_path / "by_size.safetensors", pictures / "colour.png", tmp_path / "out.png", "--engine", "openvino"
        )
        assert (code, err.count("\n")) == (2, 1)
        assert "differs from PyTorch by" in err
        assert not (tmp_path / "out.png").exists()

    def test_it_tells_its_makers_nothing(self, openvino: Any) -> None:
        from openvino.tools.ovc import telemetry_utils

        assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


class TestWithoutOpenVino:
    """PyTorch computes, or one line says what is missing."""

    @pytest.fixture
    def photo(self, tmp_path: Path) -> Path:
        write_png(tmp_path / "a.png", PHOTO)
        return tmp_path / "a.png"

    def test_not_installed_and_asked_for(self, call: Call, photo: Path, tmp_path: Path, not_installed: None) -> None:
        code, out, err = call(attentive_weights(tmp_path), photo, tmp_path / "b.png", "--engine", "openvino")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "pip install 'esr[openvino]'" in err
        assert not (tmp_path / "b.png").exists()

    def test_not_installed(
        self, call: Call, photo: Path, tmp_path: Path, not_installed: None, much_to_do: None
    ) -> None:
        code, out, err = call(attentive_weights(tmp_path), photo, tmp_path / "b.png")
        assert (code, out, err) == (0, f"{tmp_path / 'b.png'}: 1 image, by PyTorch\n", "")

    def test_one_that_cannot_be_used_is_told_of(self, call: Call, photo: Path, tmp_path: Path, broken: None) -> None:
        code, out, err = call(attentive_weights(tmp_path), photo, tmp_path / "b.png")
        assert (code, err, out.count("\n")) == (0, "", 1)
        why = "RuntimeError: No conversion rule found for aten::col2im"
        assert f"by PyTorch, as OpenVINO cannot be used ({why})" in out
        made = read_picture(tmp_path / "b.png").pixels
        assert (made == super_resolve(attentive_network(), PHOTO, 255.0)).all()

    def test_one_that_cannot_be_used_and_is_asked_for(
        self, call: Call, photo: Path, tmp_path: Path, broken: None
    ) -> None:
        code, out, err = call(attentive_weights(tmp_path), photo, tmp_path / "b.png", "--engine", "openvino")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "--engine openvino cannot be used (RuntimeError: No conversion rule" in err
