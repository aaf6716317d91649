"""Flips, turns and, on a resident set, crops, as one gather of pixels on the device."""

import torch


def where_from(first: torch.Tensor, stride: torch.Tensor, coins: torch.Tensor, side: int) -> torch.Tensor:
    """Which pixel of the source each pixel of a flipped and turned batch of crops comes from.

    A flip walks an axis backwards, a turn swaps the axes: so each sample is a corner and two steps.

    Args:
        first: (N,) int64, the pixel at the top left of each crop.
        stride: (N,) int64, pixels from one row of the source to the next.
        coins: (N, 3) bool: flip left to right, flip top to bottom, then swap rows and columns.
        side: of the square crops.

    Returns:
        (N * side * side,) int64.
    """
    horizontal, vertical, turn = coins.unbind(1)
    first = first + torch.where(horizontal, side - 1, 0) + torch.where(vertical, (side - 1) * stride, 0)
    across = torch.where(horizontal, -1, 1)
    down = torch.where(vertical, -stride, stride)
    down, across = torch.where(turn, across, down), torch.where(turn, down, across)
    steps = torch.arange(side, device=first.device)
    rows = first[:, None] + down[:, None] * steps
    return (rows[:, :, None] + (across[:, None] * steps)[:, None, :]).flatten()


def gather(pixels: torch.Tensor, index: torch.Tensor, side: int, data_range: float) -> torch.Tensor:
    """Take pixels (uint8, (P, 3)) by ``index`` and make a batch of them.

    Returns:
        float32 (N, 3, side, side) in channels_last, 255 becoming ``data_range``.
    """
    images = pixels.index_select(0, index).view(-1, side, side, 3).permute(0, 3, 1, 2).float()
    return images if data_range == 255 else images.mul_(data_range / 255)
