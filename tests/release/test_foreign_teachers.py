"""Checkpoints of SwinIR, HAT and DAT as teachers, by spandrel: its own classes at a tiny width say what is right."""

import importlib
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from esr.networks.foreign import Foreign
from esr.recipes.engine_settings import EngineSettings
from esr.recipes.rows import Import
from esr.training.engine import Engine
from esr.training.objective import Teacher
from esr.weights.import_stage import import_row
from esr.weights.weights_file import WeightsInfo, load_network, save_weights
from tests.conftest import Call
from tests.release.made_checkpoints import made_checkpoint

COMMON = {"embed_dim": 12, "num_heads": [2, 2], "upscale": 4, "upsampler": "pixelshuffle", "img_range": 1.0}
TINY: dict[str, dict[str, Any]] = {
    "SwinIR": COMMON | {"depths": [2, 2], "window_size": 4, "mlp_ratio": 2.0, "img_size": 16},
    "HAT": COMMON | {"depths": [2, 2], "window_size": 4, "mlp_ratio": 2.0, "compress_ratio": 3, "squeeze_factor": 6},
    "DAT": COMMON | {"embed_dim": 32, "depth": [2, 2], "split_size": [4, 8], "expansion_factor": 2.0},
}


@pytest.fixture
def bring(call: Call) -> Call:
    """Run ``esr import foreign ARGUMENTS...``."""
    return partial(call, "import", "foreign")


@pytest.fixture
def spandrel() -> Any:
    return pytest.importorskip("spandrel", reason="spandrel is not installed: pip install 'esr[spandrel]'")


def made(architecture: str, **changes: Any) -> nn.Module:
    """A network of spandrel's own, in eval mode, whose every weight counts."""
    torch.manual_seed(5)
    module = importlib.import_module(f"spandrel.architectures.{architecture}")
    network: nn.Module = getattr(module, architecture)(**(TINY[architecture] | changes)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def written(folder: Path, network: nn.Module) -> Path:
    """As BasicSR saves it."""
    path = folder / "released.pth"
    torch.save({"params_ema": network.state_dict()}, path)
    return path


@pytest.mark.parametrize("architecture", list(TINY))
def test_a_checkpoint_computes_what_it_did(architecture: str, spandrel: Any, bring: Call, tmp_path: Path) -> None:
    theirs = made(architecture)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing of theirs is for a user to read
        code, out, err = bring(written(tmp_path, theirs), tmp_path / "out.safetensors")
    assert (code, err) == (0, "")
    assert f"released.pth, {architecture} by spandrel" in out
    ours, info = load_network(tmp_path / "out.safetensors")
    assert (info.network, info.data_range, info.deploy) == ("esr/networks/foreign.py", 1.0, True)
    image = torch.rand(2, 3, 24, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(image), theirs(image), rtol=0, atol=0)
        assert ours(torch.rand(1, 3, 5, 40)).shape == (1, 3, 20, 160)


def test_a_row_brings_a_teacher(spandrel: Any, tmp_path: Path) -> None:
    theirs = made("SwinIR")
    row = Import(entry="mine", network="esr/networks/foreign.py", checkpoint=str(written(tmp_path, theirs)))
    import_row(row, "swinir", tmp_path / "out.safetensors")
    network, info = load_network(tmp_path / "out.safetensors")
    engine = Engine(EngineSettings(), torch.device("cpu"))
    lr = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        expected = theirs(lr)
    found = Teacher.of(network, info.data_range, 1.0, engine).target(lr, engine)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"upscale": 2}, "is SwinIR at x2, 3 to 3 channels"), ({"in_chans": 1}, "is SwinIR at x4, 1 to 1 channels")],
)
def test_another_scale_or_grey_is_refused(
    changes: dict[str, Any], reason: str, spandrel: Any, bring: Call, tmp_path: Path
) -> None:
    code, out, err = bring(written(tmp_path, made("SwinIR", **changes)), tmp_path / "out.safetensors")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "released.pth" in err
    assert reason in err
    assert not (tmp_path / "out.safetensors").exists()


def test_what_is_no_network_that_is_known_is_refused(spandrel: Any, bring: Call, tmp_path: Path) -> None:
    torch.save({"one": torch.zeros(3), "two": torch.zeros(3)}, tmp_path / "odd.pth")
    code, _, err = bring(tmp_path / "odd.pth", tmp_path / "out.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "odd.pth is not recognised by spandrel" in err


def test_an_architecture_that_is_no_teacher_is_named(spandrel: Any, bring: Call, tmp_path: Path) -> None:
    torch.save(made_checkpoint("team00_SPAN.pth"), tmp_path / "span.pth")
    code, _, err = bring(tmp_path / "span.pth", tmp_path / "out.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "span.pth" in err
    assert "SwinIR, HAT, DAT" in err


def test_weights_that_are_no_numbers_are_refused(spandrel: Any, bring: Call, tmp_path: Path) -> None:
    theirs = made("SwinIR")
    with torch.no_grad():
        theirs.get_parameter("conv_first.weight")[0, 0] = float("nan")
    code, _, err = bring(written(tmp_path, theirs), tmp_path / "out.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "conv_first.weight" in err


def test_without_spandrel_one_line_says_what_to_install(
    bring: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    torch.save({"conv_first.weight": torch.zeros(3, 3, 3, 3)}, tmp_path / "swinir.pth")
    code, out, err = bring(tmp_path / "swinir.pth", tmp_path / "out.safetensors")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "pip install 'esr[spandrel]'" in err
    assert not (tmp_path / "out.safetensors").exists()


def test_its_weights_without_spandrel_are_told_of(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    monkeypatch.setitem(sys.modules, "spandrel.architectures.SwinIR", None)
    arguments = {"architecture": "SwinIR", "hyperparameters": {"upscale": 4}}
    info = WeightsInfo("esr/networks/foreign.py", arguments, True, 1.0, "made", {})
    save_weights(tmp_path / "made.safetensors", {"network.gain": torch.zeros(1)}, info)
    code, _, err = call("complexity", tmp_path / "made.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install 'esr[spandrel]'" in err


def test_a_weights_file_cannot_ask_for_another_module(tmp_path: Path) -> None:
    """The name comes from a stranger's file; nothing but the three is imported."""
    with pytest.raises(ValueError, match="none of SwinIR, HAT, DAT"):
        Foreign(architecture="__helpers.loader")
