"""Distances between two batches of images, as numbers in [0, 1] see them."""

from collections.abc import Callable

import torch
from torch import Tensor

from esr.recipes.rows import Optimisation

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


def loss_of(row: Optimisation) -> Loss:
    """The loss that a row names."""
    if row.loss == "charbonnier":
        return lambda a, b: charbonnier(a, b, row.charbonnier_eps)
    return {"l1": l1, "l2": l2}[row.loss]
