"""Checkpoints of SwinIR, HAT and DAT as teachers, by spandrel: its own classes at a tiny width say what is right."""

import sys
import warnings
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from esr.networks.foreign import Foreign
from esr.recipes.engine_settings import EngineSettings
from esr.recipes.rows import Import
from esr.recipes.step import NetworkSpec, Step
from esr.training.engine import Engine
from esr.training.objective import Teacher
from esr.weights.import_stage import import_row
from esr.weights.step_work import step_work
from esr.weights.weights_file import WeightsInfo, load_network, save_weights
from tests.conftest import Call
from tests.release.made_checkpoints import made_checkpoint
from tests.release.made_foreign import TINY, made, written


@pytest.fixture
def bring(call: Call) -> Call:
    """Run ``esr import foreign ARGUMENTS...``."""
    return partial(call, "import", "foreign")


@pytest.fixture
def spandrel() -> Any:
    return pytest.importorskip("spandrel", reason="spandrel is not installed: pip install 'esr[spandrel]'")


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


def test_a_torchvision_of_another_build_is_one_line(
    bring: Call, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What PyPI's torchvision raises beside a torch for CPUs alone."""
    for name in [name for name in sys.modules if name.split(".")[0] == "spandrel"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/spandrel.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    torch.save({"conv_first.weight": torch.zeros(3, 3, 3, 3)}, tmp_path / "swinir.pth")
    code, out, err = bring(tmp_path / "swinir.pth", tmp_path / "out.safetensors")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "torchvision::nms" in err
    assert "from the index that torch is from" in err

    info = WeightsInfo("esr/networks/foreign.py", {"architecture": "SwinIR"}, True, 1.0, "made", {})
    save_weights(tmp_path / "made.safetensors", {"network.gain": torch.zeros(1)}, info)
    code, _, err = call("complexity", tmp_path / "made.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "from the index that torch is from" in err


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


STUDENT = NetworkSpec("esr/networks/rlfn.py", {"channels": 8, "inner": 8, "blocks": 1})


class Drawn(nn.Module):
    """Reads numbers off a tensor as it is built, as the three do for the rates of their dropped paths."""

    def __init__(self, **_: Any) -> None:
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 0.1, 6)]
        self.tail = nn.Conv2d(3, 48, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.tail(x), 4)


def test_the_work_under_such_a_teacher_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `esr plan` and scales that share out work do, on the device that has shapes alone."""
    module = ModuleType("SwinIR")
    monkeypatch.setattr(module, "SwinIR", Drawn, raising=False)
    for name in ("spandrel", "spandrel.architectures", "spandrel.architectures.SwinIR"):
        monkeypatch.setitem(sys.modules, name, module)
    arguments: dict[str, Any] = {"hyperparameters": {"of": "this test"}}
    teacher = NetworkSpec("esr/networks/foreign.py", arguments, deploy=True)
    work = step_work(Step(STUDENT, teacher), 64) - step_work(Step(STUDENT), 64)
    assert work == 16 * 16 * 3 * 48 * 9


def test_a_teacher_that_was_not_read_yet_counts_as_swinirs_classical_form(spandrel: Any) -> None:
    teacher = NetworkSpec("esr/networks/foreign.py", {}, deploy=True)
    work = step_work(Step(STUDENT, teacher), 256) - step_work(Step(STUDENT), 256)
    assert work == pytest.approx(53.6e9, rel=0.02)  # printed for 64x64 in the paper of HAT (Chen et al., CVPR 2023)


@pytest.mark.parametrize("architecture", list(TINY))
def test_its_weights_are_counted(architecture: str, spandrel: Any, bring: Call, call: Call, tmp_path: Path) -> None:
    theirs = made(architecture)
    assert bring(written(tmp_path, theirs), tmp_path / "out.safetensors")[0] == 0
    code, out, err = call("complexity", tmp_path / "out.safetensors", "--size", "32x32", "--json")
    assert (code, err) == (0, "")
    assert f'"parameters": {sum(parameter.numel() for parameter in theirs.parameters())}' in out
