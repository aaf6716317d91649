"""Distances between two batches of images whose values are in [0, 1]."""

from collections.abc import Callable

import torch
from torch import Tensor

from esr.recipes.rows import LossName, Optimisation

Loss = Callable[[Tensor, Tensor], Tensor]


def charbonnier(a: Tensor, b: Tensor, eps: float = 1e-3) -> Tensor:
    """Mean of sqrt((a - b)^2 + eps^2): L1 that is smooth at 0 (Lai et al., LapSRN, CVPR 2017). Scalar."""
    return torch.sqrt((a - b).square() + eps**2).mean()


def l1(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference. Scalar."""
    return (a - b).abs().mean()


def l2(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference. Scalar."""
    return (a - b).square().mean()


def fourier_l1(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of the real and imaginary parts of the images' 2-D Fourier transforms. Scalar.

    The transforms are unscaled sums over the pixels, and of the half plane that real images determine: the habit of
    SAFMN's released training code (Sun et al., ICCV 2023), whose weight of 0.05 is meant for them.
    """
    return torch.view_as_real(torch.fft.rfft2((a - b).float())).abs().mean()


def loss_of(row: Optimisation, name: LossName) -> Loss:
    """The loss ``name`` as the row parameterises it, with the Fourier term where the row weighs it."""
    distance = _distance(row, name)
    if row.fourier_weight == 0:
        return distance
    return lambda a, b: distance(a, b) + row.fourier_weight * fourier_l1(a, b)


def _distance(row: Optimisation, name: LossName) -> Loss:
    if name == "charbonnier":
        return lambda a, b: charbonnier(a, b, row.charbonnier_eps)
    return {"l1": l1, "l2": l2}[name]
