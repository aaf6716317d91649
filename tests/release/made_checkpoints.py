"""Small made checkpoints with the released names, and what the released code answers when it holds them.

``released_outputs.json`` was written by running the teams' released classes, each loaded strictly with the tensors
that ``made_tensor`` gives for its own state dict, on ``made_image``, in float64 on a CPU. It holds every tensor's
name and shape, the image's size and a few pixels of the output. The files' names are the released ones but for
safmn_large.pth, which stands for a file that was not at hand.
"""

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

RELEASED: dict[str, Any] = json.loads((Path(__file__).parent / "released_outputs.json").read_text())


def made_tensor(name: str, shape: list[int]) -> Tensor:
    """Values that depend on the name alone, of a size that keeps a network's activations alive."""
    count = math.prod(shape)
    raw = np.random.PCG64(zlib.crc32(name.encode())).random_raw(count)  # this stream never changes between versions
    uniform = torch.from_numpy(raw / 2.0**63 - 1).reshape(shape)
    fan_in = max(1, count // shape[0])
    return (uniform * (0.5 if len(shape) == 1 else math.sqrt(6 / fan_in))).float()


def made_image(data_range: float, height: int, width: int) -> Tensor:
    """A smooth float64 image (1, 3, H, W) in [0, ``data_range``]."""
    channel, row, column = torch.meshgrid(
        *(torch.arange(n, dtype=torch.float64) for n in (3, height, width)), indexing="ij"
    )
    return (0.5 + 0.5 * torch.sin(0.7 * row + 0.4 * column + 1.3 * channel + 0.05 * row * column))[None] * data_range


def made_checkpoint(checkpoint: str) -> dict[str, Tensor]:
    """The tensors of one of the released files, under their released names."""
    return {name: made_tensor(name, shape) for name, shape in RELEASED[checkpoint]["tensors"].items()}
