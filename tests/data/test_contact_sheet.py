"""The contact sheet shows what training gets: the very patches, LR beside HR."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from esr.batches.batches import Batches
from esr.common.errors import EsrError
from esr.packed.store import open_set
from esr.planning.folder import SheetWanted, look_at_folder
from esr.planning.own_data import OwnData
from esr.sources.use import Use
from tests.packed_sets import packed, source_of
from tests.small_images import coded_pairs

SIZES = [(100, 120), (64, 64), (40, 200), (128, 96), (66, 131)]
PATCH = 64


def draw(folder: Path, lr: bool = True, patch: int | None = PATCH, seed: int = 0) -> NDArray[np.uint8]:
    """The sheet of ``folder``/hr."""
    own = OwnData("mine", Use.training, folder / "hr", folder / "lr" if lr else None, None)
    look_at_folder(own, SheetWanted(folder / "sheet.png", patch, seed, True), verify=False, write=False)
    return np.asarray(Image.open(folder / "sheet.png"))


def cells(sheet: NDArray[np.uint8], patch: int) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """LR, enlarged, and HR of the 24 pairs: six in a row, 4 px between the two, 8 px and a name's 16 px around."""
    assert sheet.shape == (4 * (patch + 24) + 8, 6 * (2 * patch + 12) + 8, 3)
    tops = [24 + row * (patch + 24) for row in range(4)]
    lefts = [8 + column * (2 * patch + 12) for column in range(6)]
    rows = [(sheet[top : top + patch, left:], patch) for top in tops for left in lefts]
    return [(row[:, :patch], row[:, patch + 4 : 2 * patch + 4]) for row, _ in rows]


def test_every_pair_shows_one_place_of_one_image_twice(tmp_path: Path) -> None:
    """In these images red and green tell the place, blue the image, and LR holds what HR holds."""
    coded_pairs(tmp_path, SIZES)
    first, second = (cells(draw(tmp_path, seed=seed), PATCH) for seed in (0, 1))
    turned = set()
    for lr, hr in [*first, *second]:
        np.testing.assert_array_equal(lr, hr)
        assert len(np.unique(hr[..., 2])) == 1
        steps = hr[::4, ::4].astype(int)
        across, down = steps[0, 1] - steps[0, 0], steps[1, 0] - steps[0, 0]
        assert sorted(map(abs, [*across, *down])) == [0, 0, 0, 0, 1, 1]  # a step to the side, a step down
        turned.add((*across, *down))
    assert len(turned) == 8  # the symmetries of a square, all of which these 48 draws have
    # Image 2 is lower than the patch; the others come once each before one comes again.
    shown = [int(hr[0, 0, 2]) for _, hr in first]
    assert all(sorted(shown[begin : begin + 4]) == [0, 1, 3, 4] for begin in range(0, 24, 4))


@pytest.mark.parametrize("lr", [True, False])
def test_the_patches_are_those_that_a_phase_gets_from_the_packed_set(lr: bool, tmp_path: Path) -> None:
    coded_pairs(tmp_path, SIZES)
    packed_set = open_set(packed(source_of(tmp_path, lr=lr), tmp_path / "set"))
    (first,) = Batches(packed_set, PATCH, 24, iterations=1, seed=5, data_range=255.0)
    pairs = cells(draw(tmp_path, lr, seed=5), PATCH)
    for small, large, (shown_lr, shown_hr) in zip(*first, pairs, strict=True):
        np.testing.assert_array_equal(shown_hr, large.permute(1, 2, 0).numpy())
        np.testing.assert_array_equal(shown_lr[::4, ::4], small.permute(1, 2, 0).numpy())
        np.testing.assert_array_equal(shown_lr, shown_lr[::4, ::4].repeat(4, axis=0).repeat(4, axis=1))


def test_the_usual_patch_is_the_largest_that_fits_somewhere(tmp_path: Path) -> None:
    coded_pairs(tmp_path, [*SIZES, (130, 200)])
    cells(draw(tmp_path, patch=None), 128)


def test_equal_seeds_give_equal_files_and_others_do_not(tmp_path: Path) -> None:
    coded_pairs(tmp_path, SIZES)
    first, again, other = (draw(tmp_path, seed=seed).tobytes() for seed in (0, 0, 1))
    assert first == again != other


def test_a_patch_that_fits_nowhere_is_refused_and_nothing_written(tmp_path: Path) -> None:
    coded_pairs(tmp_path, SIZES)
    with pytest.raises(EsrError, match=r"a patch of 256 px fits into none of its 5 images; choose a smaller patch"):
        draw(tmp_path, patch=256)
    assert not (tmp_path / "sheet.png").exists()


def test_names_of_any_length_and_script_leave_the_pairs_alone(tmp_path: Path) -> None:
    coded_pairs(tmp_path, [(64, 64), (64, 64)])
    (tmp_path / "hr/0000.png").rename(tmp_path / f"hr/{'long ' * 40}.png")
    (tmp_path / "hr/0001.png").rename(tmp_path / "hr/写真\n\x1b[31m[bold].png")
    sheet = draw(tmp_path, lr=False)
    assert {int(hr[0, 0, 2]) for _, hr in cells(sheet, PATCH)} == {0, 1}
    assert (sheet[:, -8:] == 255).all()
