"""A folder of HR images becomes an LR set."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from esr.common.errors import EsrError
from esr.images.bicubic import downscale
from esr.images.downscale import downscale_folder
from esr.images.image_files import read_picture, write_png

PHOTO = data.coffee()[:99, :150]


def test_each_image_is_cut_to_a_multiple_and_shrunk(tmp_path: Path) -> None:
    write_png(tmp_path / "hr/a.png", PHOTO, b"a profile")
    write_png(tmp_path / "hr/b.png", PHOTO[..., 0])
    write_png(tmp_path / "hr/c.png", PHOTO.astype(np.uint16) * 201)
    assert downscale_folder(tmp_path / "hr", tmp_path / "lr") == 3
    a, b, c = (read_picture(tmp_path / "lr" / f"{name}.png") for name in "abc")
    assert (a.pixels == downscale(PHOTO[:96, :148])).all()
    assert a.icc_profile == b"a profile"
    assert (b.pixels == downscale(PHOTO[:96, :148, :1])).all()
    assert (c.pixels == downscale(PHOTO[:96, :148].astype(np.uint16) * 201)).all()


def test_the_edge_rule_changes_only_the_edge(tmp_path: Path) -> None:
    write_png(tmp_path / "hr/a.png", PHOTO)
    downscale_folder(tmp_path / "hr", tmp_path / "mirror")
    downscale_folder(tmp_path / "hr", tmp_path / "clamp", edges="clamp")
    mirror, clamp = (read_picture(tmp_path / edges / "a.png").pixels for edges in ("mirror", "clamp"))
    assert (mirror != clamp).any()
    assert (mirror[3:-3, 3:-3] == clamp[3:-3, 3:-3]).all()


def test_nothing_is_overwritten_untold(tmp_path: Path) -> None:
    write_png(tmp_path / "hr/a.png", PHOTO)
    downscale_folder(tmp_path / "hr", tmp_path / "lr")
    before = (tmp_path / "lr/a.png").read_bytes()
    write_png(tmp_path / "hr/a.png", 255 - PHOTO)
    with pytest.raises(EsrError, match=r"lr/a\.png is there already"):
        downscale_folder(tmp_path / "hr", tmp_path / "lr")
    assert (tmp_path / "lr/a.png").read_bytes() == before
    downscale_folder(tmp_path / "hr", tmp_path / "lr", overwrite=True)
    assert (tmp_path / "lr/a.png").read_bytes() != before


def test_the_hr_images_are_never_replaced(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", PHOTO)
    with pytest.raises(EsrError, match="would be replaced by what is made of it"):
        downscale_folder(tmp_path, tmp_path, overwrite=True)
    assert (read_picture(tmp_path / "a.png").pixels == PHOTO).all()


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    write_png(tmp_path / "hr/a.png", PHOTO)
    (tmp_path / "hr/a.jpg").write_bytes((tmp_path / "hr/a.png").read_bytes())
    with pytest.raises(EsrError, match=r"a\.png would be made of two images"):
        downscale_folder(tmp_path / "hr", tmp_path / "lr")


def test_what_cannot_be_used_is_named_and_the_rest_is_made(tmp_path: Path) -> None:
    write_png(tmp_path / "hr/a.png", PHOTO)
    (tmp_path / "hr/b.png").write_text("not an image")
    write_png(tmp_path / "hr/c.png", PHOTO[:3])
    with pytest.raises(EsrError, match=r"b\.png is no image.*c\.png has a side below 4 px") as caught:
        downscale_folder(tmp_path / "hr", tmp_path / "lr")
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "lr").iterdir()] == ["a.png"]
