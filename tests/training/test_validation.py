"""Validation against the challenge's rule as evaluation computes it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.images.quality import psnr
from esr.inference.super_resolve import super_resolve
from esr.packed.store import PackedSet, open_set
from esr.training.validation import CELL, Validation
from tests.tiny_project import Project


class Enlarge(nn.Module):
    """Bilinear, brighter, in [0, data_range]."""

    def __init__(self, data_range: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.03))
        self.data_range = data_range

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=4, mode="bilinear") * self.gain


@pytest.fixture(scope="module")
def held_out(made_rlfn: Project) -> PackedSet:
    return open_set(made_rlfn.folder / "data/demo/sets/div2k-valid/manifest.json")


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_psnr_is_the_challenges(held_out: PackedSet, data_range: float) -> None:
    network = Enlarge(data_range)
    scores = [psnr(super_resolve(network, held_out.lr(i), data_range), held_out.hr(i)) for i in range(len(held_out))]
    assert Validation(held_out, data_range)(network).psnr == pytest.approx(np.mean(scores), abs=1e-12)


def test_the_picture_shows_lr_output_and_hr_side_by_side(held_out: PackedSet) -> None:
    network = Enlarge(1.0)
    picture = Validation(held_out, 1.0)(network).picture
    assert picture.shape == (CELL, 3 * CELL, 3) and picture.dtype == np.uint8
    lr, hr = held_out.lr(0), held_out.hr(0)
    top, left = ((side - CELL) // 2 for side in hr.shape[:2])
    middle = np.s_[top : top + CELL, left : left + CELL]
    assert np.array_equal(picture[:, :CELL], np.kron(lr, np.ones((4, 4, 1), np.uint8))[middle])
    assert np.array_equal(picture[:, CELL : 2 * CELL], super_resolve(network, lr, 1.0)[middle])
    assert np.array_equal(picture[:, 2 * CELL :], hr[middle])
