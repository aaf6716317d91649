"""Samples are drawn from (seed, number) alone, evenly, and never outside their images."""

from collections import Counter

import numpy as np
import pytest

from esr.batches import sampling
from esr.batches.sampling import Sampler

SIZES = np.array([(64, 72), (100, 64), (80, 80), (64, 64), (96, 68)])


def test_the_generator_is_philox_4x64_10() -> None:
    # Known-answer tests of the authors' own implementation (Random123, kat_vectors): all zero, and all one.
    ones = 2**64 - 1
    zero = sampling._raw(0, 0, [ones] * 4, 4)  # NumPy adds one to the counter before it is used
    assert [f"{word:016x}" for word in zero] == [
        "16554d9eca36314c",
        "db20fe9d672d0fdc",
        "d7e772cee186176b",
        "7e68b68aec7ba23b",
    ]
    one = sampling._raw(ones, ones, [ones - 1, ones, ones, ones], 4)
    assert [f"{word:016x}" for word in one] == [
        "87b092c3013fe90b",
        "438c3c67be8d0224",
        "9cc7d7c69cd777b6",
        "a09caebf594f0ba0",
    ]


@pytest.mark.parametrize("first", [0, 3, 1_000_003, 2**40])
def test_a_sample_does_not_depend_on_where_the_drawing_began(first: int) -> None:
    sampler = Sampler(SIZES, 64, seed=5)
    together = sampler.draw(first, 12)
    for i in range(12):
        alone = sampler.draw(first + i, 1)
        assert alone.image[0] == together.image[i]
        assert (alone.top[0], alone.left[0]) == (together.top[i], together.left[i])
        assert (alone.coins[0] == together.coins[i]).all()


def test_an_epoch_uses_each_image_once_and_each_epoch_has_its_own_order() -> None:
    images = Sampler(SIZES, 64, seed=0).draw(0, 5 * 40).image.reshape(40, 5)
    assert (np.sort(images, axis=1) == np.arange(5)).all()
    assert len({tuple(order) for order in images}) > 20


def test_crops_stay_inside_and_reach_every_position() -> None:
    sampler = Sampler(SIZES, 64, seed=0)
    samples = sampler.draw(0, 5 * 400)
    for image, (height, width) in enumerate(SIZES):
        here = samples.image == image
        positions = set(zip(samples.top[here].tolist(), samples.left[here].tolist(), strict=True))
        rows, columns = (height - 64) // 4 + 1, (width - 64) // 4 + 1
        assert positions == {(top, left) for top in range(rows) for left in range(columns)}


def test_positions_are_equally_likely() -> None:
    samples = Sampler(np.array([(76, 64)]), 64, seed=1).draw(0, 8000)  # 4 positions, 2000 each expected
    counts = Counter(samples.top.tolist())
    assert sorted(counts) == [0, 1, 2, 3]
    assert all(abs(count - 2000) < 5 * np.sqrt(8000 * 0.25 * 0.75) for count in counts.values())


def test_coins_are_fair_and_independent() -> None:
    coins = Sampler(SIZES, 64, seed=2).draw(0, 8000).coins
    counts = Counter(map(tuple, coins.tolist()))
    assert len(counts) == 8
    assert all(abs(count - 1000) < 5 * np.sqrt(8000 / 8 * 7 / 8) for count in counts.values())


def test_what_is_switched_off_is_never_drawn_and_changes_nothing_else() -> None:
    everything = Sampler(SIZES, 64, seed=2).draw(0, 100)
    flips = Sampler(SIZES, 64, seed=2, augment=(True, False, False)).draw(0, 100)
    assert (flips.coins[:, 0] == everything.coins[:, 0]).all()
    assert not flips.coins[:, 1:].any()
    assert (flips.top == everything.top).all()
    assert (flips.image == everything.image).all()


def test_another_seed_draws_otherwise() -> None:
    one, other = (Sampler(SIZES, 64, seed).draw(0, 200) for seed in (0, 1))
    assert (one.image != other.image).any()
    assert (one.coins != other.coins).any()
    assert (one.top != other.top).any()
