"""Networks timed on the sizes of a folder's images, against a clock that they turn themselves."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from esr.common.errors import EsrError
from esr.timing.session import Candidate
from esr.timing.size_mix import SizeMix, compare_on_mix, read_mix
from tests.timing.turning_clock import RULE, Clock, Network, taking

SMALL, LARGE = (16, 24), (40, 24)  # height and width


def images(folder: Path, *sizes: tuple[int, int]) -> Path:
    folder.mkdir()
    for number, (height, width) in enumerate(sizes):
        Image.new("RGB", (width, height)).save(folder / f"{number}.png")
    return folder


def test_each_size_counts_as_often_as_it_occurs(clock: Clock) -> None:
    """10 ms on three small images and 50 ms on a large one are 20 ms on average; the baseline takes 10 ms on any."""
    seen: set[tuple[int, ...]] = set()

    def look(x: Tensor) -> None:
        seen.add(tuple(x.shape))
        clock.spend(10 if x.shape[2] == SMALL[0] else 50)

    mix = SizeMix(Path("lr"), {SMALL: 3, LARGE: 1})
    device = torch.device("cpu")
    session = compare_on_mix([Candidate("A", Network(look))], Candidate("B", taking(clock, 10)), mix, device, RULE)
    assert seen == {(1, 3, *SMALL), (1, 3, *LARGE)}
    assert (session.time_ms("A"), session.time_ms("B")) == pytest.approx((20, 10))
    assert session.ratio("A").value == pytest.approx(2)
    assert session.control.value == pytest.approx(1)
    assert session.verdict("A") == "slower"


def test_the_sizes_are_those_of_the_folder(tmp_path: Path) -> None:
    mix = read_mix(images(tmp_path / "lr", SMALL, LARGE, SMALL))
    assert mix.counts == {SMALL: 2, LARGE: 1}
    assert sorted(mix.images) == [SMALL, SMALL, LARGE]
    assert mix.largest == LARGE
    assert mix.told == f"3 images of {tmp_path / 'lr'} (2 sizes, up to 24x40 LR px)"


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    for folder, says in ((tmp_path / "none", "is no folder"), (images(tmp_path / "empty"), "holds no image")):
        with pytest.raises(EsrError, match=says):
            read_mix(folder)
