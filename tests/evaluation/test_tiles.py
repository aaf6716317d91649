"""An image worked in tiles comes out as the whole image does."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.inference.super_resolve import super_resolve
from esr.inference.tile_size import halo_for, pixels_that_fit, plan_tiles
from esr.inference.tiles import HALO, super_resolve_tile, tiles
from esr.networks.safmn import SAFMN
from esr.networks.slimrlfn import SlimRLFN
from tests.evaluation.made_networks import attentive_network

PHOTO = data.coffee()


def difference(network: nn.Module, image: np.ndarray, side: int, data_range: float = 255.0, halo: int = HALO) -> int:
    """The largest difference between the tiles and the whole image, in levels."""
    whole = super_resolve(network, image, data_range).astype(int)
    largest = 0
    height, width, _ = image.shape
    for tile in tiles(height, width, side, halo):
        part = super_resolve_tile(network, image, data_range, tile)
        rows, columns = (slice(4 * kept.start, 4 * kept.stop) for kept in (tile.rows, tile.columns))
        largest = max(largest, abs(whole[rows, columns] - part).max())
    return largest


@pytest.mark.parametrize("shape", [(200, 301), (203, 150), (216, 96), (60, 260)])
@pytest.mark.parametrize("side", [72, 96])
def test_attention_sees_the_whole_image_in_each_tile(shape: tuple[int, int], side: int) -> None:
    assert difference(attentive_network(), PHOTO[: shape[0], : shape[1]], side) <= 1


def test_a_tile_alone_would_be_wrong_by_many_levels() -> None:
    """What the test above stands on: the same tile with the same halo, stretched over itself, is far off."""
    network, image = attentive_network(), PHOTO[:200, :300]
    rows, columns = tiles(200, 300, 96)[-1].computed
    alone = super_resolve(network, image[rows, columns], 255.0).astype(int)
    whole = super_resolve(network, image, 255.0)
    kept = np.s_[-4 * (200 - 192) :, -4 * (300 - 288) :]
    assert abs(alone[kept] - whole[kept]).max() > 10


def test_pooling_windows_of_8_px_stay_where_they_are() -> None:
    torch.manual_seed(0)
    network = SAFMN(channels=8, blocks=2).eval()
    assert difference(network, PHOTO[:171, :260], 96, data_range=1.0) <= 1


def test_an_image_smaller_than_attention_needs() -> None:
    torch.manual_seed(0)
    assert difference(SlimRLFN(channels=6, blocks=1, deploy=True).eval(), PHOTO[:10, :200], 96) <= 1


@pytest.mark.parametrize("side", [0, 12, 100])
def test_tiles_keep_to_the_grid(side: int) -> None:
    with pytest.raises(EsrError, match=r"not a multiple of 24 px; give \d+"):
        tiles(200, 200, side)


def test_tiles_cover_the_image_once() -> None:
    covered = np.zeros((100, 130), int)
    for tile in tiles(100, 130, 48):
        covered[tile.rows, tile.columns] += 1
    assert (covered == 1).all()


class FarSighted(nn.Module):
    """Nearest-enlarged, plus what lies ``distance`` px to the right; all of the image's mean where that is None."""

    def __init__(self, distance: int | None) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self.distance = distance

    def forward(self, x: Tensor) -> Tensor:
        far = x.mean(dim=(2, 3), keepdim=True) if self.distance is None else x.roll(-self.distance, dims=3)
        return self.gain * F.interpolate((x + far) / 2, scale_factor=4, mode="nearest")


@pytest.mark.parametrize(("distance", "halo"), [(0, 72), (60, 72), (100, 144), (200, 288)])
def test_the_halo_grows_with_what_the_network_sees(distance: int, halo: int) -> None:
    assert halo_for(FarSighted(distance), PHOTO[:120, :600], 255.0) == halo


def test_a_network_that_sees_the_whole_image_is_refused() -> None:
    image = np.tile(PHOTO, (1, 3, 1))[:100]
    with pytest.raises(EsrError, match="FarSighted looks at the image as a whole"):
        plan_tiles(FarSighted(None), image, 255.0, side=96)


def test_the_halo_is_found_on_16_bits_too() -> None:
    deep = PHOTO[:120, :600].astype(np.uint16) * 257
    assert halo_for(FarSighted(100), deep, 255.0) == 144


def test_tiles_are_used_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = attentive_network(), PHOTO[:300, :300]
    assert plan_tiles(network, image, 255.0) == []
    enough = pixels_that_fit(network)
    assert enough > 300 * 300

    class Memory:
        available = 300 * 300 * 4 * 60  # bytes: 60 floats for each pixel, below the tail's 12 + 48 alone

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    parts = plan_tiles(network, image, 255.0)
    assert len(parts) > 1
    assert max(part.rows.stop - part.rows.start for part in parts) < 300
