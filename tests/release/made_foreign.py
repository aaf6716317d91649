"""Checkpoints of SwinIR, HAT and DAT, made by spandrel's own classes at a tiny width."""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

COMMON = {"embed_dim": 12, "num_heads": [2, 2], "upscale": 4, "upsampler": "pixelshuffle", "img_range": 1.0}
TINY: dict[str, dict[str, Any]] = {
    "SwinIR": COMMON | {"depths": [2, 2], "window_size": 4, "mlp_ratio": 2.0, "img_size": 16},
    "HAT": COMMON | {"depths": [2, 2], "window_size": 4, "mlp_ratio": 2.0, "compress_ratio": 3, "squeeze_factor": 6},
    "DAT": COMMON | {"embed_dim": 32, "depth": [2, 2], "split_size": [4, 8], "expansion_factor": 2.0},
}


def made(architecture: str, seed: int = 5, **changes: Any) -> nn.Module:
    """A network of spandrel's own, in eval mode, whose every weight counts."""
    torch.manual_seed(seed)
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
