"""A submission, dropped into the organisers' loader, computes what esr does, on the software that they have."""

import ast
import pickletools
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, load_network, save_weights
from tests.conftest import Call
from tests.delivery.organisers_loader import loaded
from tests.delivery.small_networks import SMALL

QUICK = {"slimrlfn"}  # `make test-slow` tries the others
KNOWN_TO_OLD_TORCH = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch FloatStorage",
}


def weights_of(network: str, arguments: dict[str, Any], deploy: bool, folder: Path) -> Path:
    """A weights file of random weights, which no training has brought near any symmetry."""
    torch.manual_seed(1)
    made = build_network(network, arguments, deploy)
    with torch.no_grad():
        for buffer in made.buffers():
            if buffer.is_floating_point() and buffer.ndim == 1:
                buffer.uniform_(0.5, 1.5)  # the statistics of batch norms
    path = folder / "weights.safetensors"
    info = WeightsInfo(network, arguments, deploy, data_range_of(made), "made by a test", {})
    save_weights(path, made.state_dict(), info)
    return path


def image(height: int, width: int, data_range: float) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(2)) * data_range


def test_every_network_of_the_house_is_tried() -> None:
    files = {path.stem for path in Path("esr/networks").glob("*.py") if "\nNETWORK = " in path.read_text()}
    assert files - {"foreign"} == SMALL.keys()  # whose code is another package's


@pytest.mark.parametrize(
    "network", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_the_organisers_get_esr_s_output(
    network: str, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of(f"esr/networks/{network}.py", SMALL[network], True, tmp_path)
    code, out, err = call("submission", weights, tmp_path / "sent", "--team", 7, "--name", "Tried")
    assert code == 0, err
    source = (tmp_path / "sent/models/team07_Tried.py").read_text()
    assert "team07_tried.pth" in out

    own, info = load_network(weights)
    with loaded(tmp_path / "sent", 7, monkeypatch) as theirs, torch.no_grad():
        assert (theirs.name, theirs.data_range) == ("07_Tried", info.data_range)
        for height, width in ((32, 40), (23, 17), (9, 5)):
            pixels = image(height, width, info.data_range)
            assert torch.equal(theirs.enlarged(pixels), own(pixels))
        assert all(type(each).__module__.startswith(("torch.", "models.")) for each in theirs.model.modules())

    tree = ast.parse(source, feature_version=(3, 9))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(module.split(".")[0] == "esr" for module in modules)
    assert source.count("strict=") == 0  # Python 3.9's zip has no such argument
    assert "deploy" not in source and "compose" not in source  # nothing of the training form is left


@pytest.mark.slow
def test_a_network_in_training_form_is_fused_before_it_is_sent(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of("esr/networks/slimrlfn.py", {"channels": 8, "blocks": 1}, False, tmp_path)
    code, _, err = call("submission", weights, tmp_path / "sent", "--team", 7, "--name", "Tried", "--year", 2024)
    assert code == 0, err
    own, _ = load_network(weights)
    pixels = image(24, 30, 255.0)
    with loaded(tmp_path / "sent", 7, monkeypatch) as theirs, torch.no_grad():
        assert {type(each) for each in theirs.model.modules() if isinstance(each, nn.Conv2d)} == {nn.Conv2d}
        # Branches against their sum: the same numbers up to the rounding of fp32.
        assert torch.allclose(theirs.enlarged(pixels), own(pixels), rtol=0, atol=255 * 1e-4)


@pytest.mark.slow
def test_the_checkpoint_holds_what_torch_1_13_reads(tmp_path: Path, call: Call) -> None:
    """An archive of plain fp32 tensors; what a newer torch would write beside them, an old one does not know."""
    weights = weights_of("esr/networks/span.py", SMALL["span"], True, tmp_path)
    assert call("submission", weights, tmp_path / "sent", "--team", 7, "--name", "Tried")[0] == 0
    with zipfile.ZipFile(tmp_path / "sent/model_zoo/team07_tried.pth") as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
        operations = list(pickletools.genops(archive.read(pickled)))
    found = {argument for opcode, argument, _ in operations if opcode.name == "GLOBAL"}
    assert found <= KNOWN_TO_OLD_TORCH
    assert not any(opcode.name == "STACK_GLOBAL" for opcode, _, _ in operations)  # of a later pickle protocol


@pytest.mark.slow
def test_what_is_written_twice_is_the_same_bytes(tmp_path: Path, call: Call) -> None:
    weights = weights_of("esr/networks/span.py", SMALL["span"], True, tmp_path)
    for folder in ("one", "two"):
        assert call("submission", weights, tmp_path / folder, "--team", 7, "--name", "Tried")[0] == 0
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
