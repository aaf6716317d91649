"""Released checkpoints: every tensor in its place, judged by the released code's own output; or one line, no file."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from esr.common.errors import EsrError
from esr.common.files import md5_of
from esr.weights.released import RELEASES, import_checkpoint
from esr.weights.weights_file import load_network, read_info
from tests.release.made_checkpoints import RELEASED, made_checkpoint, made_image


@pytest.fixture(params=list(RELEASED))
def checkpoint(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def network_of(checkpoint: str) -> str:
    return str(RELEASED[checkpoint]["network"])


def written(path: Path, state: Any, key: str | None = None) -> Path:
    torch.save({key: state} if key else state, path)
    return path


def refusal(network: str, path: Path) -> str:
    """The one line that the import ends in; it must not leave a file behind."""
    target = path.parent / "out.safetensors"
    with pytest.raises(EsrError) as caught:
        import_checkpoint(network, path, target)
    assert not target.exists()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_imported_network_answers_as_the_released_code(checkpoint: str, tmp_path: Path) -> None:
    record = RELEASED[checkpoint]
    path = written(tmp_path / checkpoint, made_checkpoint(checkpoint), record["key"])
    target = tmp_path / "out.safetensors"
    assert import_checkpoint(record["network"], path, target) == read_info(target)
    network, info = load_network(target)
    output = network.double()(made_image(info.data_range, *record["size"]))[0]
    expected = torch.tensor([value for *_, value in record["pixels"]], dtype=torch.float64)
    actual = torch.stack([output[channel, row, column] for channel, row, column, _ in record["pixels"]])
    assert torch.allclose(actual, expected, rtol=1e-7, atol=1e-7 * float(expected.abs().max()))


def test_the_file_says_where_it_comes_from(checkpoint: str, tmp_path: Path) -> None:
    path = written(tmp_path / checkpoint, made_checkpoint(checkpoint), RELEASED[checkpoint]["key"])
    info = import_checkpoint(network_of(checkpoint), path, tmp_path / "out.safetensors")
    assert info.deploy and info.network == f"esr/networks/{network_of(checkpoint)}.py"
    assert info.origin == f"released checkpoint {checkpoint}"
    assert info.inputs == {checkpoint: md5_of(path)}
    assert str(tmp_path) not in (tmp_path / "out.safetensors").read_bytes().decode("latin-1")


def test_every_known_network_has_a_checkpoint_here() -> None:
    assert {network_of(checkpoint) for checkpoint in RELEASED} == RELEASES.keys()


def test_pruned_widths_are_read_off_the_shapes(tmp_path: Path) -> None:
    path = written(tmp_path / "prune.pth", made_checkpoint("team21_slimrlfn_prune.pth"))
    info = import_checkpoint("slimrlfn", path, tmp_path / "out.safetensors")
    assert info.arguments == {"widths": [28] * 10 + [30, 30]}
    path = written(tmp_path / "whole.pth", made_checkpoint("team21_slimrlfn.pth"))
    assert import_checkpoint("slimrlfn", path, tmp_path / "out.safetensors").arguments == {}


def test_averaged_weights_are_preferred(tmp_path: Path) -> None:
    averaged = made_checkpoint("team33_IFADNet.pth")
    raw = {name: torch.zeros_like(tensor) for name, tensor in averaged.items()}
    path = tmp_path / "both.pth"
    torch.save({"params": raw, "params_ema": averaged}, path)
    import_checkpoint("ifadnet", path, tmp_path / "out.safetensors")
    assert load_network(tmp_path / "out.safetensors")[0].get_parameter("head.weight").abs().sum() > 0


def test_what_is_missing_and_left_over_is_listed(checkpoint: str, tmp_path: Path) -> None:
    state = made_checkpoint(checkpoint)
    first, *_, last = state
    state["surprise.weight"] = state.pop(last)
    state[first] = state[first][1:]
    message = refusal(network_of(checkpoint), written(tmp_path / "bad.pth", state))
    assert f"1 missing ({last})" in message
    assert "1 left over (surprise.weight)" in message
    assert f"1 of another shape ({first})" in message


@pytest.fixture(scope="module")
def all_written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    for checkpoint in RELEASED:
        written(folder / checkpoint, made_checkpoint(checkpoint))
    return folder


@pytest.mark.parametrize("network", list(RELEASES))
def test_another_networks_checkpoint_is_refused(network: str, all_written: Path) -> None:
    for checkpoint in RELEASED:
        if network_of(checkpoint) != network:
            message = refusal(network, all_written / checkpoint)
            assert f"not a released checkpoint of {network}" in message
            assert "missing" in message or "left over" in message


@pytest.mark.parametrize("kept", [0, 1, 100, 50_000, -1, -30])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int, zipped: bool) -> None:
    path = tmp_path / "cut.pth"
    torch.save(made_checkpoint("team00_rlfn.pth"), path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:kept])
    message = refusal("rlfn", path)
    assert str(path) in message and "cut short" in message


def test_a_text_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.pth"
    assert "missing" in refusal("rlfn", path)
    path.write_text("conv_1.weight\n")
    assert str(path) in refusal("rlfn", path)


class Malicious:
    """Unpickled, it would write a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.victim}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    victim, path = tmp_path / "victim", tmp_path / "evil.pth"
    state: dict[str, Any] = {**made_checkpoint("team00_rlfn.pth"), "extra": Malicious(victim)}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    message = refusal("rlfn", path)
    assert "posix.system" in message and "nothing in it was run" in message
    path.write_bytes(pickle.dumps(Malicious(victim)))
    assert "nothing in it was run" in refusal("rlfn", path)
    assert not victim.exists()


@pytest.mark.parametrize("content", [[torch.zeros(3)], {"epoch": 3}, {"params": {"epoch": 3}}, torch.zeros(3), {}])
def test_content_without_named_tensors_is_refused(tmp_path: Path, content: Any) -> None:
    assert "rlfn" in refusal("rlfn", written(tmp_path / "odd_rlfn.pth", content))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    state: dict[str, Tensor] = made_checkpoint("team29_R2Net.pth")
    state["conv_1.weight"][0, 0, 0, 0] = float("nan")
    message = refusal("r2net", written(tmp_path / "nan.pth", state))
    assert "NaN" in message and "conv_1.weight" in message


def test_an_unknown_network_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    path = written(tmp_path / "rlfn.pth", made_checkpoint("team00_rlfn.pth"))
    assert all(name in refusal("rlfm", path) for name in RELEASES)
