"""Flips, turns and, on a resident set, crops, as one gather of pixels on the device."""

import torch

_AT_ONCE_ON_A_CPU = 1 << 18  # pixels: their indices stay in the processor's cache


def gather(
    pixels: torch.Tensor,
    first: torch.Tensor,
    stride: torch.Tensor,
    coins: torch.Tensor,
    side: int,
    data_range: float,
) -> torch.Tensor:
    """Make a batch of square crops out of a row of pixels.

    Args:
        pixels: (P, 3) uint8.
        first: (N,) int64, the pixel at the top left of each crop.
        stride: (N,) int64, pixels from one row of a crop to the next.
        coins: (N, 3) bool: flip left to right, flip top to bottom, then swap rows and columns.
        side: of the crops.
        data_range: what 255 becomes.

    Returns:
        float32 (N, 3, side, side) in channels_last.
    """
    count = len(first)
    batch = torch.empty((count, side, side, 3), device=pixels.device)
    at_once = max(1, _AT_ONCE_ON_A_CPU // side**2) if pixels.device.type == "cpu" else count
    for begin in range(0, count, at_once):
        some = slice(begin, begin + at_once)
        index = _where_from(first[some], stride[some], coins[some], side)
        images = pixels.index_select(0, index).view(-1, side, side, 3)
        torch.mul(images, data_range / 255, out=batch[some])
    return batch.permute(0, 3, 1, 2)


def _where_from(first: torch.Tensor, stride: torch.Tensor, coins: torch.Tensor, side: int) -> torch.Tensor:
    """Which pixel each pixel of the flipped and turned crops comes from: (N * side * side,) int64.

    A flip walks an axis backwards, a turn swaps the axes: so each crop is a corner and two steps.
    """
    horizontal, vertical, turn = coins.unbind(1)
    first = first + torch.where(horizontal, side - 1, 0) + torch.where(vertical, (side - 1) * stride, 0)
    across = torch.where(horizontal, -1, 1)
    down = torch.where(vertical, -stride, stride)
    down, across = torch.where(turn, across, down), torch.where(turn, down, across)
    steps = torch.arange(side, device=first.device)
    rows = first[:, None] + down[:, None] * steps
    return (rows[:, :, None] + (across[:, None] * steps)[:, None, :]).flatten()
