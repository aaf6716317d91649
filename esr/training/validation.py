"""PSNR on held-out images while training, and a picture to look at."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.images.quality import BORDER, PEAK
from esr.inference.super_resolve import NOT_FINITE, exact_inference, to_input
from esr.packed.store import PackedSet

CELL = 128  # HR px on a side of a cell of the picture


@dataclass(frozen=True)
class Validated:
    """What a validation gives: mean PSNR in dB; and LR, the network's output and HR side by side, uint8 HWC."""

    psnr: float
    picture: NDArray[np.uint8]


class Validation:
    """Scores a network on a set by the challenge's rule (RGB, rounded to uint8, 4 px border cut off).

    Everything is computed on the network's device and read from it once: on a GPU, copying and comparing whole images
    on the host would take longer than the network. Sums of integers below 2^53 are exact, so the PSNR is the same.
    """

    def __init__(self, images: PackedSet, data_range: float) -> None:
        if not len(images):
            raise EsrError(f"{images.manifest} holds no image to validate on; give its source images, or another set")
        self.images = images
        self.data_range = data_range

    def __call__(self, network: nn.Module) -> Validated:
        """Validate a network that is in eval mode and works in [0, data_range].

        Raises:
            EsrError: its output is not finite.
        """
        errors, cells = [], []
        with exact_inference(network) as device:
            for index in range(len(self.images)):
                hr = torch.from_numpy(self.images.hr(index).copy()).to(device)
                output: Tensor = network(to_input(self.images.lr(index), self.data_range, device))
                sr = self._levels(output)
                error = _mean_squared_error(sr, hr)
                # Clamping hides what is infinite.
                errors.append(torch.where(torch.isfinite(output).all(), error, torch.nan))
                if index == 0:
                    cells = [_cell(_enlarged(self.images.lr(0))), _cell(sr.cpu()), _cell(hr.cpu())]
            measured = torch.stack(errors).tolist()
        if any(map(math.isnan, measured)):
            raise EsrError(NOT_FINITE)
        psnrs = [10 * math.log10(PEAK**2 / error) if error else math.inf for error in measured]
        return Validated(sum(psnrs) / len(psnrs), torch.cat(cells, dim=1).to(torch.uint8).numpy())

    def _levels(self, output: Tensor) -> Tensor:
        """What the network gives, as whole levels 0 to 255, float HWC."""
        levels = output[0].float().clamp(0, self.data_range) * (PEAK / self.data_range)
        return levels.round().permute(1, 2, 0)


def _mean_squared_error(a: Tensor, b: Tensor) -> Tensor:
    inner = (a - b)[BORDER:-BORDER, BORDER:-BORDER].square()
    return inner.sum(dtype=torch.float64) / inner.numel()


def _enlarged(lr: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(lr.repeat(SCALE, axis=0).repeat(SCALE, axis=1))


def _cell(image: Tensor) -> Tensor:
    """The middle of an image."""
    top, left = (max(0, (side - CELL) // 2) for side in image.shape[:2])
    return image[top : top + CELL, left : left + CELL]
