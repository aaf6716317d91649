"""Weights files: the same bytes for the same weights, everything told by the file, every bad one refused in a line."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from esr.common.errors import EsrError
from esr.weights.network_files import PROJECT_FILES, load_class
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, load_network, read_info, save_weights

ARGUMENTS = {"channels": 8, "blocks": 1, "esa_channels": 4}
INFO = WeightsInfo(
    network="esr/networks/slimrlfn.py",
    arguments=ARGUMENTS,
    deploy=True,
    data_range=255.0,
    origin="fuse/small",
    inputs={"weights": "0123"},
)
OWN_NETWORK = """
import torch

class Own(torch.nn.Module):
    data_range = 1.0

    def __init__(self, *, gain: float = 1.0):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain))

    def forward(self, x):
        return torch.nn.functional.interpolate(x * self.gain, scale_factor=4.0)

NETWORK = Own
"""


def small_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(build_network(INFO.network, INFO.arguments, deploy=True).state_dict())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_weights(path, small_state(), INFO)
    return path


def refusal(path: Path) -> str:
    """The one line that loading the file ends in."""
    with pytest.raises(EsrError) as caught:
        load_network(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_what_was_saved_is_loaded(weights: Path) -> None:
    network, info = load_network(weights)
    assert info == INFO == read_info(weights)
    assert not network.training and data_range_of(network) == 255.0
    for name, tensor in small_state().items():
        assert torch.equal(network.state_dict()[name], tensor)


def test_equal_weights_are_equal_bytes(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "other.safetensors"
    state = {name: tensor.double() for name, tensor in reversed(small_state().items())}
    for name, tensor in state.items():
        if tensor.dim() == 4:
            state[name] = tensor.contiguous(memory_format=torch.channels_last)
    save_weights(other, state, replace(INFO, arguments=dict(reversed(ARGUMENTS.items()))))
    assert other.read_bytes() == weights.read_bytes()


def test_the_metadata_is_one_key_of_sorted_json(weights: Path) -> None:
    with safe_open(weights, framework="pt") as file:
        metadata = file.metadata()
    assert list(metadata) == ["esr"]
    content = json.loads(metadata["esr"])
    assert metadata["esr"] == json.dumps(content, sort_keys=True)
    assert content == {
        "network": "esr/networks/slimrlfn.py",
        "arguments": ARGUMENTS,
        "deploy": True,
        "data_range": 255.0,
        "origin": "fuse/small",
        "inputs": {"weights": "0123"},
    }


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "missing" in refusal(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept", [0, 5, 100, 2_000, -1])
def test_a_truncated_file_is_refused(weights: Path, kept: int) -> None:
    weights.write_bytes(weights.read_bytes()[:kept])
    assert "cut short" in refusal(weights)


def test_garbage_is_refused(weights: Path) -> None:
    weights.write_bytes(os.urandom(5_000))
    assert "not a safetensors file" in refusal(weights)


@pytest.mark.parametrize(
    "metadata", [None, {"format": "pt"}, {"esr": "no JSON"}, {"esr": '{"network": "x"}'}, {"esr": "[]"}]
)
def test_a_file_that_esr_did_not_write_is_refused(weights: Path, metadata: dict[str, str] | None) -> None:
    save_file(small_state(), weights, metadata=metadata)
    assert "not written by esr" in refusal(weights)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_neither_written_nor_loaded(weights: Path, value: float) -> None:
    state = small_state()
    state["head.bias"][3] = value
    before = weights.read_bytes()
    with pytest.raises(EsrError, match=r"NaN or infinite weights in head\.bias"):
        save_weights(weights, state, INFO)
    assert weights.read_bytes() == before
    with safe_open(weights, framework="pt") as file:
        metadata = file.metadata()
    save_file(state, weights, metadata=metadata)
    assert "head.bias" in refusal(weights)


def test_tensors_that_do_not_fit_are_listed(weights: Path) -> None:
    state = small_state()
    state["tail.wait"] = state.pop("tail.weight")
    state["head.bias"] = torch.zeros(9)
    save_weights(weights, state, INFO)
    message = refusal(weights)
    assert "1 missing (tail.weight)" in message
    assert "1 left over (tail.wait)" in message
    assert "1 of another shape (head.bias)" in message


def test_a_network_of_ones_own_lives_anywhere_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(OWN_NETWORK)
    for name in PROJECT_FILES:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    network = build_network("own.py", {"gain": 2.0}, deploy=True)  # it has one form, so it need not know of deploy
    path = tmp_path / "own.safetensors"
    save_weights(path, network.state_dict(), WeightsInfo("own.py", {"gain": 2.0}, True, 1.0, "by hand", {}))
    loaded, info = load_network(path)
    assert info.network == "own.py" and data_range_of(loaded) == 1.0
    assert loaded(torch.ones(1, 3, 2, 2)).mean() == 2


def test_two_files_of_one_name_and_an_edited_file_do_not_meet(tmp_path: Path) -> None:
    file, other = tmp_path / "own.py", tmp_path / "other" / "own.py"
    other.parent.mkdir()
    file.write_text(OWN_NETWORK)
    other.write_text(OWN_NETWORK.replace("gain: float = 1.0", "gain: float = 3.0"))
    assert build_network("", {}, network_file=file).get_parameter("gain").item() == 1
    assert build_network("", {}, network_file=other).get_parameter("gain").item() == 3
    file.write_text(OWN_NETWORK.replace("gain: float = 1.0", "gain: float = 5.0"))
    assert build_network("", {}, network_file=file).get_parameter("gain").item() == 5
    assert load_class("", file) is load_class("", file)


def test_networks_of_the_package_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from esr.networks.rlfn import RLFN

    monkeypatch.chdir(tmp_path)
    assert load_class("esr/networks/rlfn.py") is RLFN


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "not a Python file"),
        ("import torch\n", "defines no NETWORK"),
        ("NETWORK = 3\n", "defines no NETWORK"),
        ("import torch\nclass Own(torch.nn.Module):\n    pass\nNETWORK = Own\n", "data_range"),
        ("def broken(:\n", "cannot be imported"),
        ("import a_module_that_is_not_there\n", "a_module_that_is_not_there"),
        ("raise RuntimeError('no luck')\n", "no luck"),
    ],
)
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "own.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(EsrError, match=told) as caught:
        load_class("", path)
    assert str(path) in str(caught.value)


def test_an_unknown_argument_is_named_with_those_that_exist() -> None:
    with pytest.raises(EsrError, match="no argument chanels") as caught:
        build_network("esr/networks/rlfn.py", {"chanels": 46})
    assert "it accepts blocks, channels, esa_channels, inner, widths" in str(caught.value)


def test_deploy_is_the_stages_choice_and_no_argument() -> None:
    with pytest.raises(EsrError, match="no argument deploy"):
        build_network("esr/networks/rlfn.py", {"deploy": True})


@pytest.mark.parametrize("arguments", [{"channels": "many"}, {"widths": [30]}, {"blocks": 2.5}])
def test_arguments_of_a_wrong_kind_are_one_line(arguments: dict[str, object]) -> None:
    with pytest.raises(EsrError, match=r"esr/networks/slimrlfn\.py cannot be built with"):
        build_network("esr/networks/slimrlfn.py", arguments)
