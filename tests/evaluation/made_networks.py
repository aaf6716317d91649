"""Networks whose output is known by hand, and one with every trait that tiles must cope with."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from esr.networks.rlfn import RLFN
from esr.weights.network_files import PROJECT_FILES
from esr.weights.weights_file import WeightsInfo, save_weights

NEAREST = """
import torch
import torch.nn.functional as F
from torch import nn


class Nearest(nn.Module):
    data_range = {data_range}

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.gain * F.interpolate(x, scale_factor=4, mode="nearest")


NETWORK = Nearest
"""


def info(network: str, data_range: float, arguments: dict[str, Any] | None = None) -> WeightsInfo:
    return WeightsInfo(network, arguments or {}, deploy=True, data_range=data_range, origin="made", inputs={})


def nearest_weights(folder: Path, data_range: float = 255.0, gain: float = 1.0) -> Path:
    """Weights of a network that repeats every pixel 4x4 times, times a gain; ``folder`` becomes a project's."""
    for name in PROJECT_FILES:
        (folder / name).touch()
    network = f"nearest_{data_range:.0f}.py"
    (folder / network).write_text(NEAREST.format(data_range=data_range))
    path = folder / f"nearest_{data_range:.0f}_{gain}.safetensors"
    save_weights(path, {"gain": torch.tensor([gain])}, info(network, data_range))
    return path


def attentive_network() -> nn.Module:
    """A small RLFN whose attention swings from off to on over a photograph, as trained ones do."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = RLFN(channels=12, inner=12, blocks=2)
    with torch.no_grad():
        for block in network.blocks:
            block.get_submodule("attention.context").get_parameter("weight").mul_(8)
        network.get_parameter("tail.weight").mul_(1.5)
        network.get_parameter("tail.bias").add_(128)
    return network.eval()


def attentive_weights(folder: Path) -> Path:
    """The weights file of ``attentive_network``."""
    path = folder / "attentive.safetensors"
    arguments = {"channels": 12, "inner": 12, "blocks": 2}
    save_weights(path, attentive_network().state_dict(), info("esr/networks/rlfn.py", 255.0, arguments))
    return path
