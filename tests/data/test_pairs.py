"""HR and LR files are paired by name, whatever the set's habit, and what has no fitting partner is named."""

from pathlib import Path

import numpy as np
import pytest

from esr.common.errors import EsrError
from esr.images.image_files import write_png
from esr.images.pairs import pair_with_lr, pair_with_sr

HR = (16, 24)
LR = (4, 6)


def folder(path: Path, names: list[str], size: tuple[int, int]) -> Path:
    for name in names:
        write_png(path / f"{name}.png", np.zeros((*size, 3), np.uint8))
    return path


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        (["baby", "bird"], ["baby", "bird"]),
        (["0801", "0802"], ["0801x4", "0802x4"]),
        (["img_001_SRF_4_HR", "img_002_SRF_4_HR"], ["img_001_SRF_4_LR", "img_002_SRF_4_LR"]),
        (["baby_HR_x4", "bird_HR_x4"], ["baby_LRBI_x4", "bird_LRBI_x4"]),
        (["baby_GT", "bird_GT"], ["baby", "bird"]),
        (["matrix2", "matrix3"], ["matrix2_x4", "matrix3_x4"]),
    ],
)
def test_habits(tmp_path: Path, hr: list[str], lr: list[str]) -> None:
    pairs = pair_with_lr(folder(tmp_path / "hr", hr, HR), folder(tmp_path / "lr", lr, LR))
    assert [pair.name for pair in pairs] == hr
    assert [pair.hr.stem for pair in pairs] == hr
    assert [pair.partner.stem for pair in pairs] == lr


def test_both_in_one_folder(tmp_path: Path) -> None:
    folder(tmp_path, ["img_001_SRF_4_HR", "img_002_SRF_4_HR"], HR)
    folder(tmp_path, ["img_001_SRF_4_LR", "img_002_SRF_4_LR", "img_001_SRF_4_bicubic"], LR)
    pairs = pair_with_lr(tmp_path, tmp_path)
    assert [(pair.hr.stem, pair.partner.stem) for pair in pairs] == [
        ("img_001_SRF_4_HR", "img_001_SRF_4_LR"),
        ("img_002_SRF_4_HR", "img_002_SRF_4_LR"),
    ]


def test_restored_images_that_kept_the_lr_names(tmp_path: Path) -> None:
    hr = folder(tmp_path / "hr", ["0801"], (18, 25))
    for names, size in ((["0801x4"], (16, 24)), (["0801"], (18, 25)), (["0801_SR"], (20, 28))):
        sr = folder(tmp_path / names[0], names, size)
        assert [pair.partner.stem for pair in pair_with_sr(hr, sr)] == names


def test_everything_without_a_partner_is_named(tmp_path: Path) -> None:
    hr = folder(tmp_path / "hr", ["0801", "0802", "0803"], HR)
    lr = folder(tmp_path / "lr", ["0802x4", "0804x4", "0805x4"], LR)
    with pytest.raises(EsrError) as caught:
        pair_with_lr(hr, lr)
    message = str(caught.value)
    assert all(f"{name}.png" in message for name in ("0801", "0803", "0804x4", "0805x4"))
    assert "0802" not in message
    assert "\n" not in message


def test_everything_mis_sized_is_named_with_its_size(tmp_path: Path) -> None:
    hr = folder(tmp_path / "hr", ["a", "b", "c"], HR)
    lr = folder(tmp_path / "lr", ["a"], LR)
    folder(lr, ["b"], (5, 6))
    folder(lr, ["c"], (4, 12))
    with pytest.raises(EsrError, match=r"b\.png is 6x5 px for 24x16 px of HR; c\.png is 12x4 px") as caught:
        pair_with_lr(hr, lr)
    assert "a.png" not in str(caught.value)


def test_lr_of_an_hr_that_does_not_divide_may_be_rounded_either_way(tmp_path: Path) -> None:
    hr = folder(tmp_path / "hr", ["a", "b"], (18, 24))
    lr = folder(folder(tmp_path / "lr", ["a"], (4, 6)), ["b"], (5, 6))
    assert len(pair_with_lr(hr, lr)) == 2


def test_two_files_for_one_image_are_named(tmp_path: Path) -> None:
    hr = folder(tmp_path / "hr", ["a"], HR)
    lr = folder(tmp_path / "lr", ["a", "ax4"], LR)
    with pytest.raises(EsrError, match=r"a\.png and ax4\.png are named as one image"):
        pair_with_lr(hr, lr)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    hr, lr = folder(tmp_path / "hr", ["a", "b"], HR), folder(tmp_path / "lr", ["a", "b"], LR)
    (lr / "b.png").write_text("not an image")
    with pytest.raises(EsrError, match=r"b\.png is no image"):
        pair_with_lr(hr, lr)
