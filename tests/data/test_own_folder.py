"""`esr data` says what a folder holds, what `download` and `crop` would refuse of it, and writes rows that work."""

import difflib
import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.packed.crop import crop
from esr.packed.store import open_set
from esr.recipes.graph import read_graph
from esr.recipes.read import check
from esr.sources.download import download
from esr.sources.survey import survey
from tests.conftest import Call
from tests.packed_sets import REAL, packed, source_of
from tests.small_images import coded_pairs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def call(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run ``esr data ARGUMENTS...`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return partial(call, "data")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The current folder as a project with the shipped rows."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("esr", "networks"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path / "params.yaml"


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def put(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16], mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)


def put_frames(path: Path) -> None:
    frames = [Image.fromarray(noise(16, 16, seed=number)) for number in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def put_part(path: Path) -> None:
    put(path, noise(64, 64, 3))
    path.write_bytes(path.read_bytes()[:6000])


def put_fifo(path: Path) -> None:
    os.mkfifo(path)


ODD: dict[str, Callable[[Path], object]] = {
    "grey.png": lambda path: put(path, noise(32, 32)),
    "palette.gif": lambda path: put(path, noise(32, 32, 3), "P"),
    "opaque.png": lambda path: put(path, np.full((32, 32, 4), 255, np.uint8)),
    "transparent.png": lambda path: put(path, noise(32, 32, 4)),
    "sixteen.png": lambda path: put(path, noise(32, 32).astype(np.uint16) * 256),
    "eight-in-sixteen.png": lambda path: put(path, noise(32, 32).astype(np.uint16) * 257),
    "cmyk.jpg": lambda path: put(path, noise(32, 32, 3), "CMYK"),
    "lab.tif": lambda path: put(path, noise(32, 32, 3), "LAB"),
    "float.tif": lambda path: put(path, noise(32, 32), "F"),
    "frames.gif": put_frames,
    "frames.webp": put_frames,
    "part.png": put_part,
    "part.jpg": put_part,
    "empty.png": Path.touch,
    "text.jpg": lambda path: path.write_text("no image"),
    "pipe.png": put_fifo,
    "folder.png": Path.mkdir,
    "nowhere.png": lambda path: path.symlink_to("nothing"),
    "circle.png": lambda path: path.symlink_to("circle.png"),
    "small.png": lambda path: put(path, noise(3, 40, 3)),
    "long.png": lambda path: put(path, np.zeros((4, 16_388, 3), np.uint8)),
    "line\nbreak \x1b[31m [bold].png": lambda path: put(path, noise(32, 32, 3)),
    "sub/deep/er.bmp": lambda path: put(path, noise(32, 32, 3)),
    os.fsdecode(b"no-utf-8-\xff.png"): lambda path: put(path, noise(32, 32, 3)),
}


@pytest.mark.parametrize("name", ODD)
def test_refused_is_what_download_or_crop_refuses_and_nothing_else(name: str, tmp_path: Path, call: Call) -> None:
    put(tmp_path / "hr/good.png", noise(40, 48, 3))
    ODD[name](tmp_path / "hr" / name)
    try:
        taken = len(open_set(packed(source_of(tmp_path, lr=False), tmp_path / "set")))
    except EsrError:
        taken = 0
    found = survey(tmp_path / "hr", decode=True)
    assert len(found.usable) == (taken or 1)
    assert bool(found.refusals) == (taken == 0)
    assert all(complaint.why and complaint.path.name == Path(name).name for complaint in found.refusals)
    code, out, _ = call("hr")
    assert code == 0
    assert all(line.isprintable() for line in out.splitlines())
    assert ("Refused" in out) == (taken == 0 and not name.startswith("part"))


def test_damage_behind_a_header_is_found_by_decoding_and_before_that_said_to_be_possible(
    tmp_path: Path, call: Call
) -> None:
    put(tmp_path / "hr/good.png", noise(64, 64, 3))
    put_part(tmp_path / "hr/part.png")
    _, quick, _ = call("hr")
    assert "Refused" not in quick and "Of 2 images only the header was read; --verify" in quick
    _, thorough, _ = call("hr", "--verify")
    assert "part.png" in thorough and "is damaged" in thorough and "only the header" not in thorough
    code, _, err = call("hr", "--sheet", "sheet.png", "--patch", 64)
    assert code == 2 and "part.png is damaged" in err and err.count("\n") == 1
    assert not (tmp_path / "sheet.png").exists()


def test_a_folder_is_summed_up(tmp_path: Path, call: Call) -> None:
    sizes = {"a.png": (256, 384), "b.jpg": (64, 71), "sub/c.png": (642, 640)}
    for number, (name, size) in enumerate(sizes.items()):
        put(tmp_path / "hr" / name, noise(*size, 3, seed=number))
    put(tmp_path / "hr/d.png", noise(100, 100))
    shutil.copy(tmp_path / "hr/a.png", tmp_path / "hr/e.png")
    for name in ("x.heic", "y.HEIC", "notes.txt", ".hidden"):
        (tmp_path / "hr" / name).touch()
    code, out, err = call("hr")
    words = " ".join(out.split())
    assert (code, err) == (0, "")
    assert "images 5, 0.6 megapixels" in words  # 2 x 98,304 + 4,544 + 410,880 + 10,000 pixels
    assert "PNG RGB 3, JPEG RGB 1, PNG grey 1" in words
    assert "smallest 71x64 px (b.jpg), median 384x256 px (a.png), largest 640x642 px (c.png)" in words
    assert "1 file holds the very bytes of another: a.png = e.png" in words
    assert "passed over .heic 2, .txt 1: no images by their suffix" in words
    # Side by side, e.g. of 64 px: 4 x 6 twice, 1, 10 x 10 and 1.
    for row in ("64 px 5 0 150", "128 px 3 2 37", "192 px 3 2 13", "256 px 3 2 6", "384 px 1 4 1", "640 px 1 4 1"):
        assert row in words
    assert "made by MATLAB's bicubic" not in words or "LR images none" in words


def test_lr_that_is_missing_left_over_or_no_quarter_is_told(tmp_path: Path, call: Call) -> None:
    coded_pairs(tmp_path, [(40, 48), (40, 48), (64, 40), (64, 40)])
    put(tmp_path / "lr/0000x4.png", noise(10, 11, 3))
    (tmp_path / "lr/0001x4.png").rename(tmp_path / "lr/other.png")
    put(tmp_path / "lr/0002x4.png", 255 - np.zeros((16, 10, 3), np.uint8))
    _, out, _ = call("hr", "--lr", "lr")
    words = " ".join(out.split())
    assert "is not 4 times its LR image (HR 48x40, LR 11x10) 0000.png" in words
    assert "has no LR image in lr 0001.png" in words
    assert "has no HR image lr/other.png" in words
    assert "usable 2" in words and "does not show" not in words
    words = " ".join(call("hr", "--lr", "lr", "--verify")[1].split())
    assert "usable 1" in words and "does not show what hr/0002.png shows lr/0002x4.png" in words


def test_many_refusals_of_one_reason_take_one_line_with_a_few_names(tmp_path: Path, call: Call) -> None:
    for number in range(30):
        put(tmp_path / f"hr/{number:02}.jpg", noise(8, 8, 3), "CMYK")
    _, out, _ = call("hr")
    (line,) = [line for line in out.splitlines() if "CMYK)" in line]
    assert line.split()[0] == "30" and "00.jpg, 01.jpg, 02.jpg, and 27 more" in line


@pytest.mark.parametrize("folder", ["empty", "missing", "file.png", "only-text"])
def test_a_folder_without_images_is_refused_in_one_line(folder: str, tmp_path: Path, call: Call) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "only-text").mkdir()
    (tmp_path / "only-text/a.txt").touch()
    put(tmp_path / "file.png", noise(8, 8, 3))
    code, out, err = call(folder)
    assert (code, out) == (2, "")
    assert err.startswith(f"esr: {folder} ") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--name", "My Photos"), "My Photos is no name of a row"),
        (("--name", "div2k"), "download.div2k and crop.div2k already"),
        (("--join", "no-such-set"), "--join: no-such-set names nothing"),
        (("--sheet", "sheet.jpg"), "sheet.jpg is no name of a PNG"),
        (("--sheet", "hr/sheet.png"), "would lie among the images"),
        (("--sheet", "sheet.png", "--patch", 66), "a patch of 66 px cannot be shown"),
        (("--sheet", "there.png"), "there.png is there already"),
        (("--patch", 64), "--patch, --seed and --overwrite belong to a sheet"),
    ],
)
def test_what_cannot_be_is_refused_before_the_folder_is_looked_at(
    wrong: tuple[object, ...], told: str, tmp_path: Path, call: Call, project: Path
) -> None:
    put(tmp_path / "hr/a.png", noise(64, 64, 3))
    put(tmp_path / "there.png", noise(8, 8, 3))
    before = project.read_bytes()
    code, out, err = call("hr", "--write", *wrong)
    assert (code, out) == (2, "")
    assert told in err and err.count("\n") == 1
    assert project.read_bytes() == before


@pytest.mark.parametrize("name", [os.fsdecode(b"photos-\xff"), "line\nbreak", "${HOME}"])
def test_a_folder_that_no_row_can_name_is_refused_in_one_line(name: str, tmp_path: Path, call: Call) -> None:
    put(tmp_path / name / "a.png", noise(64, 64, 3))
    code, out, err = call(name)
    assert (code, out) == (2, "")
    assert "no row can name this folder" in err and err.count("\n") == 1 and err[:-1].isprintable()


def test_written_rows_make_a_set_of_the_folder_and_leave_every_other_byte(
    tmp_path: Path, call: Call, project: Path
) -> None:
    folder = tmp_path / 'my "photos": #1'
    coded_pairs(folder, [(40, 48), (64, 40)])
    before = project.read_text().splitlines()
    code, out, _ = call(folder / "hr", "--lr", folder / "lr", "--write")
    assert code == 0
    assert "added download.mine, crop.mine, join.df2k-mine" in out
    after = project.read_text().splitlines()
    changed = [line for line in difflib.ndiff(before, after) if not line.startswith("  ")]
    assert len(changed) == 7 and all(line.startswith("+ ") for line in changed)
    params = check(read_graph().params)
    assert (params.join["df2k-mine"].first, params.join["df2k-mine"].second) == ("df2k", "mine")
    download(params.download["mine"], REAL, "mine", tmp_path / "source/manifest.json")
    made = tmp_path / "set/manifest.json"
    crop(params.crop["mine"], tmp_path / "source/manifest.json", made, made.with_name("images.store"))
    assert [tuple(size) for size in open_set(made).sizes.tolist()] == [(40, 48), (64, 40)]
    assert call(folder / "hr", "--write")[0] == 2  # they are there now
    assert project.read_text().splitlines() == after


def test_rows_of_a_folder_that_would_be_refused_are_not_written(tmp_path: Path, call: Call, project: Path) -> None:
    put(tmp_path / "hr/good.png", noise(64, 64, 3))
    put(tmp_path / "hr/clear.png", noise(64, 64, 4))
    before = project.read_bytes()
    code, out, err = call("hr", "--write")
    assert code == 2 and "is transparent in places" in out
    assert err.startswith("esr: hr: 1 of its files would be refused") and err.count("\n") == 1
    assert project.read_bytes() == before


def test_a_validation_set_is_joined_to_what_is_scored(tmp_path: Path, call: Call, project: Path) -> None:
    put(tmp_path / "hr/a.png", noise(64, 64, 3))
    put(tmp_path / "hr/b.png", noise(18, 64, 3))
    code, out, _ = call("hr", "--use", "validation", "--name", "holidays", "--write")
    assert code == 0 and "1 with a side below 19 px cannot be scored" in out
    raw = read_yaml(project)
    assert raw["download"]["holidays"]["optional"] is True
    assert raw["join"]["scored-holidays"] == {"first": "scored", "second": "holidays"}


def test_what_becomes_of_the_images_at_each_scale_is_told_in_a_project(
    tmp_path: Path, call: Call, project: Path
) -> None:
    put(tmp_path / "hr/a.png", noise(64, 64, 3))
    _, out, _ = call("hr")
    assert "demo (the scale in use): photographs stand in for it" in out
    assert "pilot: no images, this scale trains on div2k alone" in out
    assert "paper: these images" in out
    project.unlink()
    assert "paper" not in call("hr")[1]


def tables_of(project: Path, table: str) -> str:
    """The text of a table of params.yaml, without the empty line behind it."""
    text = project.read_text()
    return text[text.index(f"\n{table}:\n") + 1 : text.index("\n\n", text.index(f"\n{table}:\n"))]


def test_rows_take_on_the_file_s_line_ends_and_its_table_s_indentation(
    tmp_path: Path, call: Call, project: Path
) -> None:
    put(tmp_path / "hr/a.png", noise(64, 64, 3))
    old = tables_of(project, "join")
    text = project.read_text().replace(old, old.replace("\n  ", "\n     "))
    project.write_bytes(text.replace("\n", "\r\n").encode())
    assert call("hr", "--write")[::2] == (0, "")
    after = project.read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n") == text.count("\n") + 6
    assert b"\r\n     df2k-mine: {first: df2k, second: mine}\r\n" in after


def test_an_empty_table_gets_its_first_row(tmp_path: Path, call: Call, project: Path) -> None:
    put(tmp_path / "hr/a.png", noise(64, 64, 3))
    text = project.read_text().replace(tables_of(project, "join"), "join: {}   # none yet")
    text = re.sub(r"data: [a-z0-9-]+", "data: div2k", text)
    project.write_text(text.replace("validation: scored", "validation: div2k-valid"))
    assert call("hr", "--write", "--join", "div2k")[::2] == (0, "")
    assert "\njoin:    # none yet\n  div2k-mine: {first: div2k, second: mine}\n" in project.read_text()
    assert read_yaml(project)["join"] == {"div2k-mine": {"first": "div2k", "second": "mine"}}


def test_a_table_in_braces_is_left_to_its_writer(tmp_path: Path, call: Call, project: Path) -> None:
    put(tmp_path / "hr/a.png", noise(64, 64, 3))
    old = tables_of(project, "crop")
    rows = ", ".join(line.strip() for line in old.splitlines()[1:])
    project.write_text(project.read_text().replace(old, f"crop: {{{rows}}}"))
    before = project.read_bytes()
    code, _, err = call("hr", "--write")
    assert code == 2 and "no lines can be added to download, crop, join as they stand" in err
    assert project.read_bytes() == before
