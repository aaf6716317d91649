"""Batches: the right pixels, the same ones whatever the workers, and each sample its own flips."""

import gc
import os
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from esr.batches.batches import Batch, Batches
from esr.batches.resident import resident
from esr.common.errors import EsrError
from esr.packed.join import join
from esr.packed.manifest import SourceManifest, Totals, write_manifest
from esr.packed.store import PackedSet, open_set
from tests.packed_sets import coded_set, packed, source_of
from tests.small_images import write_image

SIZES = [(64, 96), (100, 64), (80, 84), (64, 64), (200, 68)]
CODED: dict[str, Any] = {"data_range": 255.0, "iterations": 30, "seed": 1}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> PackedSet:
    return coded_set(tmp_path_factory.mktemp("coded"), SIZES)


def equal(first: Iterable[Batch], second: Iterable[Batch]) -> bool:
    one, other = list(first), list(second)
    return len(one) == len(other) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(one, other, strict=True)
    )


def samples(batches: Batches) -> Iterator[Iterator[np.ndarray]]:
    """(LR, HR) of each sample as integer arrays (H, W, 3) of red = column, green = row, blue = image."""
    for lr, hr in batches:
        for small, large in zip(lr, hr, strict=True):
            yield (image.permute(1, 2, 0).numpy().astype(int) for image in (small, large))


WAYS: list[dict[str, Any]] = [{"workers": 0}, {"workers": 1}, {"workers": 3}, {"resident": True}]
WAY_NAMES = ["inline", "one worker", "three workers", "resident"]


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_batches_are_floats_in_channels_last(images: PackedSet, way: dict[str, Any]) -> None:
    lr, hr = next(iter(Batches(images, 32, 4, iterations=1, **way)))
    assert lr.shape == (4, 3, 8, 8)
    assert hr.shape == (4, 3, 32, 32)
    for batch in (lr, hr):
        assert batch.dtype == torch.float32
        assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_lr_and_hr_show_the_same_place_flipped_and_turned_alike(images: PackedSet, way: dict[str, Any]) -> None:
    for lr, hr in samples(Batches(images, 32, 4, **CODED, **way)):
        np.testing.assert_array_equal(np.kron(lr, np.ones((4, 4, 1), int)), hr)


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_a_sample_is_a_whole_square_of_its_own_image(images: PackedSet, way: dict[str, Any]) -> None:
    for lr, _ in samples(Batches(images, 32, 4, **CODED, **way)):
        number = lr[0, 0, 2]
        height, width = SIZES[number]
        assert (lr[..., 2] == number).all()
        columns, rows = np.unique(lr[..., 0]), np.unique(lr[..., 1])
        np.testing.assert_array_equal(columns, np.arange(columns[0], columns[0] + 8))
        np.testing.assert_array_equal(rows, np.arange(rows[0], rows[0] + 8))
        assert columns[-1] < width // 4
        assert rows[-1] < height // 4


def orientation(lr: np.ndarray) -> tuple[bool, bool, bool]:
    """Whether a coded sample is turned, and whether its columns and rows run backwards."""
    turned = lr[0, 0, 0] == lr[0, 1, 0]
    down, across = lr[-1, -1, 1] - lr[0, 0, 1], lr[-1, -1, 0] - lr[0, 0, 0]
    return bool(turned), bool(across < 0), bool(down < 0)


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_each_sample_has_flips_and_turns_of_its_own(images: PackedSet, way: dict[str, Any]) -> None:
    seen = [orientation(lr) for lr, _ in samples(Batches(images, 32, 8, **CODED, **way))]
    assert len(set(seen)) == 8
    assert len(set(seen[:8])) > 1  # within one batch


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ((False, False, False), {(False, False, False)}),
        ((True, False, False), {(False, False, False), (False, True, False)}),
        ((False, True, False), {(False, False, False), (False, False, True)}),
        ((False, False, True), {(False, False, False), (True, False, False)}),
    ],
)
def test_flips_and_turns_can_be_switched_off_one_by_one(
    images: PackedSet, switches: tuple[bool, bool, bool], expected: set[tuple[bool, bool, bool]]
) -> None:
    names = ("horizontal_flips", "vertical_flips", "rotations")
    chosen: dict[str, Any] = dict(zip(names, switches, strict=True))
    batches = Batches(images, 32, 8, **CODED, **chosen)
    assert {orientation(lr) for lr, _ in samples(batches)} == expected


def test_every_image_is_used_once_per_epoch(images: PackedSet) -> None:
    numbers = [int(lr[0, 0, 2]) for lr, _ in samples(Batches(images, 32, 4, **CODED))]
    epochs = np.array(numbers[: len(numbers) // 5 * 5]).reshape(-1, 5)
    assert (np.sort(epochs, axis=1) == np.arange(5)).all()


@pytest.mark.parametrize("way", WAYS[1:], ids=WAY_NAMES[1:])
def test_the_bytes_do_not_depend_on_who_crops(images: PackedSet, way: dict[str, Any]) -> None:
    assert equal(Batches(images, 64, 6, **CODED, **way), Batches(images, 64, 6, **CODED, workers=0))


def test_a_set_larger_than_memory_gives_the_very_same_batches(tmp_path: Path) -> None:
    large, small = (coded_set(tmp_path / name, SIZES) for name in ("large", "small"))
    large.larger_than_memory = True
    assert equal(Batches(large, 64, 6, **CODED), Batches(small, 64, 6, **CODED))


def test_a_restart_goes_on_with_the_very_same_batches(images: PackedSet) -> None:
    whole = list(Batches(images, 32, 4, iterations=10))
    assert equal(whole[7:], Batches(images, 32, 4, iterations=10, first_iteration=7, workers=2))
    assert len(Batches(images, 32, 4, iterations=10, first_iteration=7)) == 3
    assert list(Batches(images, 32, 4, iterations=10, first_iteration=10)) == []


def test_ranks_share_each_batch_without_gap_or_repetition(images: PackedSet) -> None:
    shares = [list(Batches(images, 32, 6, iterations=5, rank=rank, ranks=3)) for rank in range(3)]
    for i, (lr, hr) in enumerate(Batches(images, 32, 6, iterations=5)):
        assert torch.equal(torch.cat([share[i][0] for share in shares]), lr)
        assert torch.equal(torch.cat([share[i][1] for share in shares]), hr)


def test_batches_can_be_iterated_again_and_left_early(images: PackedSet) -> None:
    batches = Batches(images, 32, 4, iterations=10, workers=2)
    early = [batch for batch, _ in zip(batches, range(2), strict=False)]
    assert equal(early, list(batches)[:2])


def test_batches_that_are_kept_do_not_change(images: PackedSet) -> None:
    batches = iter(Batches(images, 32, 4, iterations=10, workers=1))
    lr, hr = next(batches)
    before = lr.clone(), hr.clone()
    list(batches)
    assert equal([(lr, hr)], [before])


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_white_becomes_the_data_range_exactly(tmp_path: Path, way: dict[str, Any]) -> None:
    write_image(tmp_path / "hr/white.png", np.full((64, 64, 3), 255, np.uint8))
    write_image(tmp_path / "hr/black.png", np.zeros((64, 64, 3), np.uint8))
    both = open_set(packed(source_of(tmp_path, lr=False), tmp_path / "set"))
    for data_range in (1.0, 255.0):
        for lr, hr in Batches(both, 64, 2, iterations=1, data_range=data_range, **way):
            assert set(hr.flatten().tolist()) == set(lr.flatten().tolist()) == {0.0, data_range}


def test_a_resident_set_is_sent_once_and_goes_with_its_set(tmp_path: Path) -> None:
    own = coded_set(tmp_path, SIZES)
    list(Batches(own, 32, 4, iterations=1, resident=True))
    kept = weakref.ref(resident(own, torch.device("cpu")))
    os.truncate(own.manifest.parent / "images.store", 0)  # reading the store again would end this process
    list(Batches(own, 32, 4, iterations=3, resident=True))
    del own
    gc.collect()
    assert kept() is None


def test_a_join_is_drawn_from_evenly(images: PackedSet, tmp_path: Path) -> None:
    other = coded_set(tmp_path / "other", [(64, 64)], "other")
    join(images.manifest, other.manifest, tmp_path / "both/manifest.json")
    both = open_set(tmp_path / "both/manifest.json")
    for way in WAYS:
        heights = [len(both)] + [hr.shape[0] for _, hr in samples(Batches(both, 32, 6, iterations=2, **way))]
        assert heights == [6] + [32] * 12
    assert equal(Batches(both, 32, 6, iterations=4, resident=True), Batches(both, 32, 6, iterations=4))


@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_images_that_the_patch_does_not_fit_into_are_left_out_and_an_epoch_is_the_others(
    images: PackedSet, way: dict[str, Any]
) -> None:
    """Of 64x96, 100x64, 80x84, 64x64 and 200x68 a patch of 68 fits into the third and the fifth."""
    numbers = [int(lr[0, 0, 2]) for lr, _ in samples(Batches(images, 68, 4, **CODED, **way))]
    assert (np.sort(np.array(numbers).reshape(-1, 2), axis=1) == [2, 4]).all()


def test_leaving_images_out_gives_the_batches_of_a_set_without_them(images: PackedSet, tmp_path: Path) -> None:
    large = coded_set(tmp_path, [SIZES[2], SIZES[4]])
    for (lr, _), (other, _) in zip(Batches(images, 68, 4, **CODED), Batches(large, 68, 4, **CODED), strict=True):
        assert torch.equal(lr[:, :2], other[:, :2])  # rows and columns; the third channel numbers the images


def test_a_patch_that_fits_into_no_image_is_told_with_the_remedy(images: PackedSet) -> None:
    with pytest.raises(EsrError, match=r"a patch of 84 px fits into none of its 5 images; choose a smaller patch"):
        Batches(images, 84, 4, iterations=1)


def test_a_set_without_images_is_told(tmp_path: Path) -> None:
    empty = SourceManifest(
        stand_in=False, totals=Totals(images=0, pixels=0, bytes=0), source="lsdir", about="none", images=[]
    )
    write_manifest(tmp_path / "source/manifest.json", empty)
    nothing = open_set(packed(tmp_path / "source/manifest.json", tmp_path / "set"))
    with pytest.raises(EsrError, match=r"set/manifest\.json holds no images at this scale"):
        Batches(nothing, 64, 4, iterations=1)


def test_a_set_without_images_adds_nothing_to_a_join(images: PackedSet, tmp_path: Path) -> None:
    empty = SourceManifest(
        stand_in=False, totals=Totals(images=0, pixels=0, bytes=0), source="lsdir", about="none", images=[]
    )
    write_manifest(tmp_path / "source/manifest.json", empty)
    join(images.manifest, packed(tmp_path / "source/manifest.json", tmp_path / "set"), tmp_path / "both/manifest.json")
    both = open_set(tmp_path / "both/manifest.json")
    assert equal(Batches(both, 32, 4, iterations=3), Batches(images, 32, 4, iterations=3))
    assert equal(Batches(both, 32, 4, iterations=3, resident=True), Batches(images, 32, 4, iterations=3))


def test_a_batch_that_cannot_be_shared_is_told(images: PackedSet) -> None:
    with pytest.raises(EsrError, match="a batch of 4 cannot be shared by 3 devices"):
        Batches(images, 32, 4, iterations=1, ranks=3)


@pytest.mark.gpu
@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
def test_a_gpu_is_given_the_very_same_batches(images: PackedSet, way: dict[str, Any]) -> None:
    on_gpu = ((lr.cpu(), hr.cpu()) for lr, hr in Batches(images, 64, 6, **CODED, device="cuda", **way))
    assert equal(on_gpu, Batches(images, 64, 6, **CODED))
