"""Large images in tiles that come out as the whole image would.

Neighbouring tiles overlap by a halo, which hides the border of what is computed from what is kept. One operation needs
more. Spatial attention (ESA) looks at the image through a coarse grid of windows, 15 px wide at every 6th px, and
stretches the grid over the whole image, 9 to 14 px more than its steps add up to. Over a tile the same windows would
be stretched to other places: no halo mends that, and with the released RLFN and SlimRLFN the error reaches 55 of 255
levels. So tiles begin on the whole image's grid, and in place of the stretch over the tile each pixel looks up the
windows that it would see in the whole image (:class:`_InTheWhole`).

What is left fades with the halo. For the released networks on photographs it is, at most, 9 levels at 24 px, 1.8 at 48
and 0.05 at 72.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.images.arrays import Image
from esr.inference.super_resolve import exact_inference, to_image, to_input

GRID = 24  # LR px: a multiple of ESA's 6 and of the 8 of SAFMN's pooling windows
HALO = 72  # LR px, a multiple of GRID

_WINDOW, _STEP = 15, 6  # px of ESA's windows: a strided 3x3, of whose outputs 7x7 are pooled at every third


class Tile(NamedTuple):
    """What is kept of one tile of an LR image.

    Attributes:
        whole: height and width of the image.
        rows: of the image that are kept.
        columns: likewise.
        halo: px around them that are computed too, where the image has them.
    """

    whole: tuple[int, int]
    rows: slice
    columns: slice
    halo: int

    @property
    def computed(self) -> tuple[slice, slice]:
        """Rows and columns of the image that are computed."""
        height, width = self.whole
        return self._wider(self.rows, height), self._wider(self.columns, width)

    def _wider(self, kept: slice, side: int) -> slice:
        return slice(max(0, kept.start - self.halo), min(side, kept.stop + self.halo))


def tiles(height: int, width: int, side: int, halo: int = HALO) -> list[Tile]:
    """Cut an LR image into tiles that keep ``side`` x ``side`` px, less at the right and the bottom.

    Raises:
        EsrError: ``side`` is not a multiple of GRID.
    """
    check_tile_side(side)
    return [
        Tile((height, width), slice(top, min(top + side, height)), slice(left, min(left + side, width)), halo)
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]


def check_tile_side(side: int) -> None:
    """Refuse a side, in LR px, that is not a multiple of GRID."""
    if side < GRID or side % GRID:
        nearest = max(1, round(side / GRID)) * GRID
        raise EsrError(f"tile side {side} is not a multiple of {GRID} px; give {nearest}, for one")


def super_resolve_tile(network: nn.Module, image: Image, data_range: float, tile: Tile) -> Image:
    """The part of ``super_resolve(network, image, data_range)`` that ``tile`` keeps."""
    rows, columns = tile.computed
    with exact_inference(network) as device, _InTheWhole(tile.whole, (rows.start, columns.start)):
        y = network(to_input(image[rows, columns], data_range, device))
    kept = y[..., _enlarged(tile.rows, rows.start), _enlarged(tile.columns, columns.start)]
    return to_image(kept, image, data_range)


def _enlarged(kept: slice, start: int) -> slice:
    return slice(SCALE * (kept.start - start), SCALE * (kept.stop - start))


class _InTheWhole(TorchFunctionMode):
    """While active, what ESA stretches over a tile is sampled as if it were stretched over the whole image.

    It is known by its size: bilinear, and as many samples as ESA has windows. Other interpolations pass.
    """

    def __init__(self, whole: tuple[int, int], start: tuple[int, int]) -> None:
        super().__init__()
        self.whole, self.start = whole, start

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.interpolate and kwargs.get("mode") == "bilinear":
            far, size = args[0], kwargs.get("size") or args[1]
            if tuple(far.shape[2:]) == (_windows(size[0]), _windows(size[1])):
                far = _stretch(far, 2, size[0], self.whole[0], self.start[0])
                return _stretch(far, 3, size[1], self.whole[1], self.start[1])
        return func(*args, **kwargs)


def _windows(side: int) -> int:
    """How many of ESA's windows fit along a side; a side below a window is padded to one."""
    return max(0, side - _WINDOW) // _STEP + 1


def _stretch(far: Tensor, dim: int, side: int, whole: int, start: int) -> Tensor:
    """Sample a tile's windows along ``dim`` at its ``side`` px, which begin at ``start`` in the ``whole`` image.

    The places are those of ``F.interpolate(..., mode="bilinear", align_corners=False)``. In the halo a place may lie
    beyond the tile's windows; it gets the last of them.
    """
    windows, last = _windows(whole), far.shape[dim] - 1
    place = (torch.arange(start, start + side, dtype=torch.float64) + 0.5) * windows / whole - 0.5
    place = (place.clamp(0, windows - 1) - start // _STEP).clamp(0, last)
    before = place.long()
    share = (place - before).reshape(-1, 1) if dim == 2 else place - before
    nearer, further = (far.index_select(dim, i.to(far.device)) for i in (before, (before + 1).clamp(max=last)))
    return torch.lerp(nearer, further, share.to(far))
