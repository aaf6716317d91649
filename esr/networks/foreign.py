"""Networks of other architectures, to learn from: SwinIR, HAT and DAT, as spandrel builds them."""

import importlib
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from esr.networks.blocks import at_any_size

ARCHITECTURES = ("SwinIR", "HAT", "DAT")
INSTALL = "pip install 'esr[spandrel]', from the index that torch is from: torchvision must be of the same build"
SMALLEST = 16  # px of height and width, as spandrel says of each
CLASSICAL = {
    "depths": [6] * 6,
    "embed_dim": 180,
    "num_heads": [6] * 6,
    "mlp_ratio": 2.0,
    "window_size": 8,
    "upscale": 4,
    "upsampler": "pixelshuffle",
}
"""SwinIR's classical x4 (Liang et al., "SwinIR: Image Restoration Using Swin Transformer", ICCVW 2021)."""


class Foreign(nn.Module):
    """A network that spandrel (an optional extra) builds; maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 1].

    An input below 16 px is padded. It has one form: ``deploy`` changes nothing.

    Args:
        architecture: one of ARCHITECTURES.
        hyperparameters: of its class in spandrel; SwinIR's classical ones where there are none, which is what an
            estimate counts with as long as no checkpoint was read.

    Raises:
        ValueError: the architecture is another one.
        ImportError: spandrel is not installed, or cannot be imported.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(
        self,
        *,
        architecture: str = "SwinIR",
        hyperparameters: Mapping[str, Any] | None = None,
        deploy: bool = False,
    ) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:  # the name may come from a stranger, and leads to what is imported
            raise ValueError(f"the architecture is none of {', '.join(ARCHITECTURES)}")
        try:
            module = importlib.import_module(f"spandrel.architectures.{architecture}")
        except Exception as error:  # a torchvision of another build than torch raises a RuntimeError
            raise ImportError(f"{architecture} needs spandrel ({error}): {INSTALL}") from error
        # On the CPU first: their constructors compute with numbers, which the device of shapes alone does not have.
        with warnings.catch_warnings(), torch.device("cpu"):
            warnings.simplefilter("ignore")  # of how their code calls torch
            network = getattr(module, architecture)(**(hyperparameters or CLASSICAL))
        self.network: nn.Module = network.to(torch.get_default_device())

    def forward(self, x: Tensor) -> Tensor:
        return at_any_size(self.network, x, smallest=SMALLEST)


NETWORK = Foreign
