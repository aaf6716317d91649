"""Weights files and network files that a stranger made, or that lie about themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from esr.common.errors import EsrError
from esr.training.validation import Validation
from esr.weights.released import import_checkpoint
from esr.weights.weights_file import WeightsInfo, build_network, load_network, save_weights, try_network
from tests.hostile.refusals import Outcome, refused

NETWORK = """
import sys
from pathlib import Path

import torch
from torch import nn

{at_import}

class Nearest(nn.Module):
    data_range = 255.0

    def __init__(self, channels=3):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        {in_constructor}

    def forward(self, x):
        x = self.gain * x.repeat_interleave({times}, dim=2).repeat_interleave({times}, dim=3)
        {in_forward}
        return x


NETWORK = Nearest
"""

Call = Callable[..., Outcome]


def network_file(
    path: Path, at_import: str = "", in_constructor: str = "pass", in_forward: str = "pass", times: int = 4
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        NETWORK.format(at_import=at_import, in_constructor=in_constructor, in_forward=in_forward, times=times)
    )
    return path


def marking(folder: Path) -> str:
    """Code that leaves a trace of having run."""
    return f"Path({str(folder / 'it ran')!r}).touch()"


def weights_of(path: Path, network: str, gain: float = 1.0, data_range: float = 255.0) -> Path:
    save_weights(path, {"gain": torch.tensor([gain])}, WeightsInfo(network, {}, True, data_range, "a stranger", {}))
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a project's."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((20, 24, 3), 100, np.uint8)).save(path)
    return path


class TestSomeoneElsesCode:
    """A weights file makes nothing run but networks of esr's and files of the project."""

    @pytest.mark.parametrize(
        ("name", "place"),
        [
            ("{tmp}/elsewhere/evil.py", "elsewhere/evil.py"),
            ("{tmp}/project/evil.py", "project/evil.py"),
            ("../evil.py", "evil.py"),
            ("mine/../../evil.py", "evil.py"),
            (".venv/lib/evil.py", "project/.venv/lib/evil.py"),
            ("env/lib/python3.11/site-packages/evil.py", "project/env/lib/python3.11/site-packages/evil.py"),
            ("mine/.hidden.py", "project/mine/.hidden.py"),
            ("data/evil.py", "project/data/evil.py"),
            ("runs/demo/evil.py", "project/runs/demo/evil.py"),
            ("./reports/evil.py", "project/reports/evil.py"),
            ("logs/evil.py", "project/logs/evil.py"),
            ("evil.txt", "project/evil.txt"),
            ("esr/networks/../../evil.py", "project/evil.py"),
        ],
    )
    def test_a_name_that_is_no_network_of_the_project(
        self, project: Path, tmp_path: Path, name: str, place: str
    ) -> None:
        network_file(tmp_path / place, marking(tmp_path))
        (project / "mine").mkdir(exist_ok=True)
        path = weights_of(tmp_path / "w.safetensors", name.format(tmp=tmp_path))
        with pytest.raises(EsrError, match=r"w\.safetensors.*was not run") as caught:
            load_network(path)
        assert "\n" not in str(caught.value)
        with pytest.raises(EsrError):
            build_network(name.format(tmp=tmp_path), {})
        assert not (tmp_path / "it ran").exists()

    @pytest.mark.parametrize("target", ["elsewhere/evil.py", "project/runs/evil.py", "project/.venv/evil.py"])
    @pytest.mark.parametrize("link", ["evil.py", "mine"])
    def test_a_link_out_of_the_sources(self, project: Path, tmp_path: Path, target: str, link: str) -> None:
        file = network_file(tmp_path / target, marking(tmp_path))
        (project / link).symlink_to(file if link == "evil.py" else file.parent)
        path = weights_of(tmp_path / "w.safetensors", "evil.py" if link == "evil.py" else "mine/evil.py")
        with pytest.raises(EsrError, match="was not run"):
            load_network(path)
        assert not (tmp_path / "it ran").exists()

    @pytest.mark.parametrize("name", ["a\0b.py", "\udcff.py", "n" * 5000 + ".py", "", ".", "/"])
    def test_a_name_that_no_file_has(self, project: Path, name: str) -> None:
        with pytest.raises(EsrError, match="was not run"):
            build_network(name, {})

    @pytest.mark.parametrize("lacks", ["params.yaml", "dvc.yaml"])
    def test_a_folder_that_is_no_projects(self, project: Path, tmp_path: Path, lacks: str) -> None:
        (project / lacks).unlink()
        network_file(project / "evil.py", marking(tmp_path))
        with pytest.raises(EsrError, match="was not run"):
            load_network(weights_of(project / "w.safetensors", "evil.py"))
        assert not (tmp_path / "it ran").exists()

    @pytest.mark.parametrize("name", ["mine.py", "mine/mine.py"])
    def test_the_projects_own_do_run(self, project: Path, tmp_path: Path, name: str) -> None:
        network_file(project / name, marking(tmp_path))
        network, _ = load_network(weights_of(tmp_path / "w.safetensors", name))
        assert type(network).__name__ == "Nearest" and (tmp_path / "it ran").exists()

    def test_a_file_that_a_person_names_is_run(self, call: Call, tmp_path: Path, photo: Path) -> None:
        file = network_file(tmp_path / "elsewhere" / "mine.py")
        path = weights_of(tmp_path / "w.safetensors", "/gone/evil.py")
        out = tmp_path / "out.png"
        refused(call("upscale", path, photo, out), "/gone/evil.py", "--network")
        assert not out.exists()
        assert call("upscale", path, photo, out, "--network", file)[0] == 0
        assert (np.asarray(Image.open(out)) == 100).all()
        hr = tmp_path / "hr"
        hr.mkdir()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(hr / "a.png")
        refused(call("evaluate", path, "--hr", hr), "--network")
        assert call("evaluate", path, "--hr", hr, "--network", file, "--json")[0] == 0
        refused(call("complexity", path), "--network")
        assert json.loads(call("complexity", path, "--network", file, "--json")[1])[str(path)]["parameters"] == 1

    def test_a_file_that_a_person_names_must_fit(self, call: Call, tmp_path: Path, photo: Path) -> None:
        path = weights_of(tmp_path / "w.safetensors", "/gone/evil.py")
        other = Path(__file__).parents[2] / "esr/networks/rlfn.py"
        refused(call("upscale", path, photo, tmp_path / "out.png", "--network", other), path, "does not fit RLFN")
        refused(call("complexity", "rlfn", "--network", other), "belongs to a weights file")
        assert not (tmp_path / "out.png").exists()


class TestAnEndInBetween:
    """``sys.exit(0)`` in a network file is no success."""

    @pytest.mark.parametrize("code", ["sys.exit(0)", "sys.exit()", "sys.exit('bye')", "raise SystemExit"])
    @pytest.mark.parametrize("where", ["at_import", "in_constructor", "in_forward"])
    def test_it_is_one_line(
        self, call: Call, project: Path, tmp_path: Path, photo: Path, where: str, code: str
    ) -> None:
        change: dict[str, Any] = {where: code}
        network_file(project / "mine.py", **change)
        path = weights_of(tmp_path / "w.safetensors", "mine.py")
        refused(call("upscale", path, photo, tmp_path / "out.png"), path, "SystemExit")
        refused(call("complexity", path), path, "SystemExit")
        assert not (tmp_path / "out.png").exists()

    def test_nor_where_only_a_larger_image_brings_it_about(
        self, call: Call, project: Path, tmp_path: Path, photo: Path
    ) -> None:
        network_file(project / "mine.py", in_forward="sys.exit(0) if x.shape[-1] == 96 else None")
        path = weights_of(tmp_path / "w.safetensors", "mine.py")
        refused(call("upscale", path, photo, tmp_path / "out.png"), "Nearest", "SystemExit")
        assert not (tmp_path / "out.png").exists()


class TestWeightsThatLie:
    """What a weights file says is checked against the network and against itself."""

    @pytest.fixture
    def mine(self, project: Path) -> str:
        network_file(project / "mine.py")
        return "mine.py"

    def test_another_data_range(self, mine: str, tmp_path: Path) -> None:
        path = weights_of(tmp_path / "w.safetensors", mine, data_range=1.0)
        with pytest.raises(EsrError, match=r"w\.safetensors is of data range 1, but Nearest works in 255"):
            load_network(path)

    @pytest.mark.parametrize("gain", [float("nan"), float("inf")])
    def test_weights_that_are_not_finite(self, call: Call, mine: str, tmp_path: Path, photo: Path, gain: float) -> None:
        path = tmp_path / "w.safetensors"
        rewrite(weights_of(path, mine), {"gain": torch.tensor([gain])})
        refused(call("upscale", path, photo, tmp_path / "out.png"), path, "NaN or infinite weights in gain")

    def test_weights_so_large_that_nothing_finite_comes_out(
        self, call: Call, mine: str, tmp_path: Path, photo: Path
    ) -> None:
        path = weights_of(tmp_path / "w.safetensors", mine, gain=1e38)
        refused(call("upscale", path, photo, tmp_path / "out.png"), path, "not finite")
        assert not (tmp_path / "out.png").exists()

    def test_numbers_that_fp32_does_not_hold(self, mine: str, tmp_path: Path) -> None:
        path = tmp_path / "w.safetensors"
        rewrite(weights_of(path, mine), {"gain": torch.tensor([1e300], dtype=torch.float64)})
        with pytest.raises(EsrError, match=r"w\.safetensors: NaN or infinite weights in gain"):
            load_network(path)
        with pytest.raises(EsrError, match="NaN or infinite weights in gain"):
            save_weights(tmp_path / "new.safetensors", {"gain": torch.tensor([1e300], dtype=torch.float64)}, INFO)
        assert not (tmp_path / "new.safetensors").exists()

    @pytest.mark.parametrize(
        "dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64, torch.int64, torch.bool, torch.uint16]
    )
    def test_numbers_of_another_kind(self, mine: str, tmp_path: Path, dtype: torch.dtype) -> None:
        path = tmp_path / "w.safetensors"
        rewrite(weights_of(path, mine), {"gain": torch.ones(1).to(dtype)})
        with pytest.raises(EsrError, match=r"w\.safetensors.* kind .*gain") as caught:
            load_network(path)
        assert "\n" not in str(caught.value)

    def test_numbers_that_nobody_knows(self, mine: str, tmp_path: Path) -> None:
        path = tmp_path / "w.safetensors"
        content = weights_of(path, mine).read_bytes()
        path.write_bytes(content.replace(b'"F32"', b'"F99"'))
        with pytest.raises(EsrError, match=r"w\.safetensors"):
            load_network(path)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_floats_are_computed_in_fp32(self, mine: str, tmp_path: Path, dtype: torch.dtype) -> None:
        path = tmp_path / "w.safetensors"
        rewrite(weights_of(path, mine), {"gain": torch.tensor([0.5], dtype=dtype)})
        gain = load_network(path)[0].get_parameter("gain")
        assert gain.dtype == torch.float32 and gain.item() == 0.5

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("network", 5),
            ("network", None),
            ("arguments", ["channels"]),
            ("arguments", "channels"),
            ("deploy", "yes"),
            ("deploy", 1),
            ("data_range", "255"),
            ("data_range", [255.0]),
            ("origin", {"a": 1}),
            ("inputs", "none"),
            ("inputs", {"weights": 5}),
            ("further", 1),
        ],
    )
    def test_metadata_of_another_type(self, mine: str, tmp_path: Path, key: str, value: object) -> None:
        path = tmp_path / "w.safetensors"
        rewrite(weights_of(path, mine), {"gain": torch.ones(1)}, **{key: value})
        with pytest.raises(EsrError, match=rf"w\.safetensors was not written by esr \({key}") as caught:
            load_network(path)
        assert "\n" not in str(caught.value)

    def test_what_is_written_has_not_changed(self, mine: str, tmp_path: Path) -> None:
        path = tmp_path / "w.safetensors"
        save_weights(path, {"gain": torch.ones(1)}, WeightsInfo(mine, {"widths": [1, 2]}, True, 255.0, "o", {"a": "b"}))
        told = (
            '{"arguments": {"widths": [1, 2]}, "data_range": 255.0, "deploy": true, "inputs": {"a": "b"}, '
            '"network": "mine.py", "origin": "o"}'
        )
        with safe_open(path, framework="pt") as file:
            assert file.metadata() == {"esr": told}

    @pytest.mark.parametrize("kind", ["folder", "device"])
    def test_what_is_no_file(self, tmp_path: Path, kind: str) -> None:
        with pytest.raises(EsrError, match="is a folder or a device, no file"):
            load_network(tmp_path if kind == "folder" else Path("/dev/zero"))


INFO = WeightsInfo("mine.py", {}, True, 255.0, "made", {})


def rewrite(path: Path, state: dict[str, Tensor], **changed: object) -> None:
    """Write a weights file as a stranger would: with any tensors and any metadata."""
    with safe_open(path, framework="pt") as file:
        metadata = json.loads(file.metadata()["esr"])
    save_file(state, path, metadata={"esr": json.dumps({**metadata, **changed})})


class TestReleasedCheckpoints:
    """A .pth that holds something, but no network's tensors."""

    @pytest.mark.parametrize(
        "content",
        [
            {0: torch.zeros(3), 1: torch.zeros(3)},
            {0: torch.zeros(3), "conv_1.weight": torch.zeros(3)},
            {},
            {"params": {}},
            {"conv_1.weight": torch.zeros(2, dtype=torch.complex64)},
            {"conv_1.weight": torch.eye(3).to_sparse()},
            {"conv_1.weight": torch.zeros(3, device="meta")},
        ],
        ids=["integers", "mixed", "empty", "empty-params", "complex", "sparse", "meta"],
    )
    def test_it_is_one_line(self, tmp_path: Path, content: object) -> None:
        path = tmp_path / "odd.pth"
        torch.save(content, path)
        with pytest.raises(EsrError, match=r"odd\.pth") as caught:
            import_checkpoint("rlfn", path, tmp_path / "out.safetensors")
        assert "\n" not in str(caught.value) and not (tmp_path / "out.safetensors").exists()


class TestNetworksThatDoNotFit:
    """Refused before a training begins and before anything is written."""

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"times": 2}, r"\(1, 3, 32, 64\)"),
            ({"times": 3}, r"\(1, 3, 48, 96\)"),
            ({"in_forward": "return x[:, :1]"}, r"\(1, 1, 64, 128\)"),
            ({"in_forward": "return [x]"}, "list"),
            ({"in_forward": "return 1 / 0"}, "ZeroDivisionError"),
            ({"in_constructor": "del self.gain; self.gain = 1.0"}, "no parameters"),
            ({"in_constructor": "3 // (channels - 3)"}, "ZeroDivisionError"),
            ({"in_constructor": "assert False"}, "AssertionError"),
            ({"in_constructor": "{}['channels']"}, "KeyError"),
        ],
    )
    def test_in_one_line(self, project: Path, tmp_path: Path, change: dict[str, Any], told: str) -> None:
        network_file(project / "mine.py", **change)
        with pytest.raises(EsrError, match=told) as caught:
            try_network(build_network("mine.py", {}), "network mine.py")
        assert "\n" not in str(caught.value)
        with pytest.raises(EsrError):
            load_network(weights_of(tmp_path / "w.safetensors", "mine.py"))

    def test_arguments_that_a_constructor_cannot_take(self) -> None:
        for arguments in ({"channels": 0}, {"channels": -1}, {"blocks": -5, "channels": "3"}):
            with pytest.raises(EsrError, match=r"esr/networks/safmn\.py"):
                try_network(build_network("esr/networks/safmn.py", arguments), "network esr/networks/safmn.py")

    def test_the_trial_changes_nothing(self, project: Path) -> None:
        network_file(
            project / "mine.py",
            in_constructor="self.norm = nn.BatchNorm2d(3); self.seen = []",
            in_forward="self.seen.append(torch.rand(1)); x = nn.functional.dropout(self.norm(x), 0.5, True)",
        )
        network = build_network("mine.py", {}).train()
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        torch.manual_seed(1)
        try_network(network, "network mine.py")
        drawn = torch.rand(1)
        assert drawn == torch.rand(1, generator=torch.Generator().manual_seed(1))
        assert network.training and network.seen == []
        assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


class TestAnOutputThatIsNotFinite:
    """Where it is the image that brings it about, the image is named and no other is lost."""

    @pytest.fixture
    def weights(self, project: Path, tmp_path: Path) -> Path:
        network_file(project / "mine.py", in_forward="x = torch.where(x > 200, {value}, x)")
        return weights_of(tmp_path / "w.safetensors", "mine.py")

    @pytest.mark.parametrize("value", ["torch.inf", "torch.nan"])
    def test_by_the_tools(self, call: Call, weights: Path, project: Path, tmp_path: Path, value: str) -> None:
        file = project / "mine.py"
        file.write_text(file.read_text().replace("{value}", value))
        for name, level in (("bright.png", 250), ("dark.png", 50)):
            (tmp_path / "in").mkdir(exist_ok=True)
            Image.fromarray(np.full((64, 64, 3), level, np.uint8)).save(tmp_path / "in" / name)
        refused(call("upscale", weights, tmp_path / "in", tmp_path / "out"), "bright.png", "not finite")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["dark.png"]
        refused(call("evaluate", weights, "--hr", tmp_path / "in"), "bright.png", "not finite")

    @pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
    def test_by_a_validation(self, value: float) -> None:
        class OneOdd(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.gain = torch.nn.Parameter(torch.ones(1))

            def forward(self, x: Tensor) -> Tensor:
                x = self.gain * x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
                x[..., 0, 0] = value
                return x

        with pytest.raises(EsrError, match="not finite"):
            Validation(OneImage(), 255.0)(OneOdd())  # type: ignore[arg-type]


class OneImage:
    """A packed set of one grey image."""

    def __len__(self) -> int:
        return 1

    def lr(self, index: int) -> np.ndarray:
        return np.full((16, 16, 3), 100, np.uint8)

    def hr(self, index: int) -> np.ndarray:
        return np.full((64, 64, 3), 101, np.uint8)
