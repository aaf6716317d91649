"""A network file of one's own as a submission: what it uses comes along, what others could not run is refused."""

import re
from pathlib import Path

import pytest
import torch

from esr.common.errors import EsrError
from esr.delivery.deploy_form import in_deploy_form
from esr.delivery.self_contained import self_contained
from esr.weights.weights_file import WeightsInfo, build_network, load_network, save_weights
from tests.conftest import Call
from tests.delivery.organisers_loader import loaded

MINE = '''"""Mine: a network of my own."""

import math  # used in the training form alone
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import conv3x3
from esr.networks.reparam import RepConv

# The slope that I found best.
SLOPE = 0.1


class Unused(nn.Module):
    """Nobody needs this one."""


def block(channels: int, deploy: bool = False) -> nn.Module:
    """A convolution, or what trains as one."""
    if deploy:
        # One kernel is enough.
        return conv3x3(channels, channels)
    wide = math.ceil(channels)
    return RepConv(wide, wide)


class Mine(nn.Module):
    """A head, a block and a tail.

    Args:
        channels: throughout.
        gain: of the training form.
        deploy: plain convolutions.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(self, channels: int = 4, *, gain: float | None = None, deploy: bool = False) -> None:
        super().__init__()
        scaled = 1.0 if deploy else (gain or 2.0)
        self.head = conv3x3(3, channels)
        self.block = block(channels, deploy)
        self.tail = conv3x3(channels, 48)
        if not deploy:
            self.tail.weight.data *= scaled

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.block(self.head(x)), SLOPE)  # no residual
        return F.pixel_shuffle(self.tail(y), 4)


NETWORK = Mine
'''


def weights_of(text: str, folder: Path) -> Path:
    """A weights file of the network in ``text``, which is written to mine.py."""
    (folder / "mine.py").write_text(text)
    made = build_network("mine.py", {"channels": 6}, deploy=True, network_file=folder / "mine.py")
    save_weights(
        folder / "mine.safetensors", made.state_dict(), WeightsInfo("mine.py", {"channels": 6}, True, 1.0, "made", {})
    )
    return folder / "mine.safetensors"


def test_a_network_of_one_s_own_goes_with_its_comments_and_without_its_training_form(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of(MINE, tmp_path)
    options = ("--team", 33, "--name", "Mine", "--network", tmp_path / "mine.py")
    code, _, err = call("submission", weights, tmp_path / "sent", *options)
    assert code == 0, err

    own, _ = load_network(weights, tmp_path / "mine.py")
    pixels = torch.rand(1, 3, 12, 14)
    with loaded(tmp_path / "sent", 33, monkeypatch) as theirs, torch.no_grad():
        assert torch.equal(theirs.enlarged(pixels), own(pixels))

    source = (tmp_path / "sent/models/team33_Mine.py").read_text()
    for kept in (
        "# The slope that I found best.",
        "# One kernel is enough.",
        "# no residual",
        "    channels: throughout.",
    ):
        assert kept in source
    for gone in ("RepConv", "math", "Unused", "deploy", "gain", "NETWORK", "esr."):
        assert gone not in source
    assert "channels=6" in (tmp_path / "sent/select_model.txt").read_text()


def test_a_file_that_computes_something_else_elsewhere_is_refused(tmp_path: Path, call: Call) -> None:
    weights = weights_of(MINE.replace("SLOPE = 0.1", 'SLOPE = 0.1 if "esr_network" in __name__ else 0.2'), tmp_path)
    options = ("--team", 33, "--name", "Mine", "--network", tmp_path / "mine.py")
    code, _, err = call("submission", weights, tmp_path / "sent", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert "is not what it was (the outputs for images of" in err
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"mine.py", "mine.safetensors"}


SHORT = """{top}


class Mine:
    def __init__(self) -> None:
        {inside}
"""


@pytest.mark.parametrize(
    ("top", "inside", "complaint"),
    [
        ("from esr.common.files import md5_of", "self.used = md5_of", "imports esr.common.files md5_of"),
        ("from esr.networks.blocks import ESA as A", "self.used = A", "imports esr.networks.blocks ESA as A"),
        ("import esr.networks.blocks", "self.used = esr.networks.blocks.ESA", "imports esr.networks.blocks as esr"),
        ("from my_helpers import slope", "self.used = slope", "imports my_helpers, which is no installed package"),
        ("from .helpers import slope", "self.used = slope", "imports slope from .helpers"),
        ("import importlib", "self.used = importlib.import_module('mine')", "imports importlib"),
        ("from importlib import import_module", "self.used = import_module('mine')", "imports importlib"),
        ("from math import *", "self.used = sqrt(2)", "imports * from math"),
        ("from esr.networks.blocks import ESA\n\nconv1x1 = 2", "self.used = ESA, conv1x1", "both define conv1x1"),
        ("", "match self:\n            case _: pass", "Pattern matching is only supported in Python 3.10"),
        ("", "from esr.networks.blocks import ESA\n        self.used = ESA", "inside a function"),
        ("from typing import Self", "self.used: Self", "typing has no Self"),
    ],
)
def test_what_others_could_not_run_is_refused_by_name(top: str, inside: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SHORT.format(top=top, inside=inside))
    with pytest.raises(EsrError, match=re.escape(complaint)) as refused:
        self_contained(tmp_path / "mine.py", "Mine")
    assert "\n" not in str(refused.value)


def test_a_choice_that_is_not_by_deploy_alone_stays() -> None:
    text = """class A:
    def __init__(self, wide: bool, deploy: bool = False) -> None:
        if wide or deploy:
            self.width = 3 if deploy and wide else 4
        elif deploy:
            self.width = 5
        self.helper = make(deploy)
"""
    folded = in_deploy_form(text, "A")
    scope: dict[str, object] = {"make": lambda value: value}
    exec(folded, scope)
    kind = scope["A"]
    assert callable(kind)
    assert [vars(kind(wide)) for wide in (True, False)] == [
        {"width": 3, "helper": True},
        {"width": 4, "helper": True},
    ]


def test_a_helper_that_somebody_calls_without_deploy_keeps_both_forms() -> None:
    text = """def layer(width: int, deploy: bool = False) -> int:
    return width if deploy else 2 * width


class A:
    def __init__(self, deploy: bool = False) -> None:
        self.one, self.two = layer(1, deploy), layer(1)
"""
    scope: dict[str, object] = {}
    exec(in_deploy_form(text, "A"), scope)
    kind = scope["A"]
    assert callable(kind)
    assert vars(kind()) == {"one": 1, "two": 2}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--team", 0, "--name", "A"), "--team 0"),
        (("--team", 7, "--name", "a-b"), "--name a-b"),
        (("--team", 7, "--name", "a" * 300), "100 at most"),  # a file's name ends at 255
        (("--team", 7, "--name", "A", "--year", 2023), "--year 2023"),
        (("--team", 7, "--name", "A", "--year", 0), "--year 0"),
        (("--team", 7, "--name", "A"), "missing.safetensors is missing"),
    ],
)
def test_a_wrong_option_is_one_line(options: tuple[object, ...], complaint: str, tmp_path: Path, call: Call) -> None:
    code, _, err = call("submission", tmp_path / "missing.safetensors", tmp_path / "sent", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert complaint in err
    assert not (tmp_path / "sent").exists()


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path, call: Call) -> None:
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent/mine.txt").write_text("mine")
    code, _, err = call("submission", tmp_path / "any.safetensors", tmp_path / "sent", "--team", 7, "--name", "A")
    assert code == 2
    assert "not an empty folder" in err
    assert [path.name for path in tmp_path.rglob("*")] == ["sent", "mine.txt"]
