"""Folders, names and files that nobody should hand to `download` and `crop`, and what is said of them."""

import json
import os
import socket
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from esr.common.errors import EsrError
from esr.packed.crop import crop
from esr.packed.store import open_set
from esr.recipes.rows import Archive, Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from esr.sources.unpack import unpack

REAL = DataRule(stand_in=False, only_source=None)
MANIFEST = Path("data/photos/manifest.json")
SET = ("set/manifest.json", "set/images.store")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def image(path: str, height: int = 16, width: int = 16) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path)).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(path, "PNG")
    return Path(path)


def downloaded(**columns: Any) -> list[str]:
    """The names of the images of a source made of the folder ``mine``, or of what else is told."""
    download(Download(use="training", **({"folder": "mine"} | columns)), REAL, "photos", MANIFEST)
    return [found["name"] for found in json.loads(MANIFEST.read_text(encoding="utf-8"))["images"]]


def refusal(**columns: Any) -> str:
    """The one printable line with which that is refused; no manifest is written."""
    with pytest.raises(EsrError) as refused:
        downloaded(**columns)
    assert not MANIFEST.exists()
    message = str(refused.value)
    message.encode()
    assert "\n" not in message
    return message


# Folders that a row names


@pytest.mark.parametrize("column", ["folder", "lr_folder"])
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("typo", "typo is not a folder"),
        ("mine/1.png", "mine/1.png is not a folder"),
        ("nothing-in-it", "nothing-in-it holds no images"),
        ("~no-such-user/images", "~no-such-user/images cannot be read"),
        ("x" * 900, "cannot be read (File name too long)"),
    ],
)
def test_a_folder_that_is_none_is_refused_with_its_column(column: str, name: str, complaint: str) -> None:
    image("mine/1.png")
    Path("nothing-in-it").mkdir()
    message = refusal(**{column: name})
    assert message.startswith(f"download.photos.{column}: ")
    assert complaint in message


def test_lr_images_without_a_folder_of_hr_images_are_refused() -> None:
    image("lr/1.png")
    for archives in ([], [Archive(url="http://127.0.0.1:9/hr.zip")]):
        assert "download.photos.lr_folder belongs to" in refusal(folder=None, lr_folder="lr", archives=archives)


def test_a_subfolder_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    image("mine/1.png")
    image("mine/locked/2.png")
    scandir = os.scandir

    def locked(path: str = ".") -> Any:
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert "mine/locked cannot be read (Permission denied)" in refusal()


def test_links_to_folders_are_named_and_a_loop_ends() -> None:
    image("mine/1.png")
    image("elsewhere/2.png")
    Path("mine/more").symlink_to(Path("elsewhere").resolve())
    Path("mine/deep").mkdir()
    Path("mine/deep/loop").symlink_to(Path("mine").resolve())
    message = refusal()
    assert "mine/more is a link to a folder" in message
    assert "mine/deep/loop is a link to a folder" in message


def test_links_to_images_are_images() -> None:
    image("elsewhere/2.png")
    Path("mine").mkdir()
    Path("mine/1.png").symlink_to(Path("elsewhere/2.png").resolve())
    assert downloaded() == ["1"]


# What is named like an image


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (os.mkfifo, "is no file but a pipe, a socket or a device"),
        (a_socket, "is no file but a pipe, a socket or a device"),
        (lambda path: path.symlink_to("/dev/zero"), "is no file but a pipe, a socket or a device"),
        (lambda path: path.symlink_to("nowhere"), "is a link to nothing"),
        (lambda path: path.symlink_to(path.name), "is a link to nothing"),
        (Path.mkdir, "is a folder that is named like an image"),
    ],
    ids=["pipe", "socket", "device", "dangling link", "link to itself", "folder"],
)
def test_what_is_named_like_an_image_and_is_none_is_named(make: Callable[[Path], object], complaint: str) -> None:
    image("mine/1.png")
    make(Path("mine/x.png"))
    make(Path("mine/y.png"))
    message = refusal()
    assert f"mine/x.png {complaint}" in message
    assert f"mine/y.png {complaint}" in message


# Names


def test_a_name_that_is_not_utf8_is_told_in_letters_that_print() -> None:
    image("mine/1.png").rename(os.fsdecode(b"mine/caf\xe9.png"))
    assert r"mine/caf\xe9.png has a name that is not UTF-8: rename it" in refusal()


def test_a_folder_whose_name_is_not_utf8_is_told_in_letters_that_print() -> None:
    image("mine/sub/1.png")
    Path("mine/sub").rename(os.fsdecode(b"mine/\xff"))
    assert r"mine/\xff/1.png has a name that is not UTF-8: rename it" in refusal()


@pytest.mark.parametrize(
    "name",
    ["two\nlines", "\x1b[31mred", "caf\u00e9", "cafe\u0301", "\u6f22\u5b57", 'a "quote" \\', " ", "x" * 251, "%s {0}"],
)
def test_odd_names_are_kept_to_the_letter_from_the_folder_to_the_set(name: str) -> None:
    image(f"mine/{name}.png")
    assert downloaded() == [name]
    crop(Crop(source="photos"), MANIFEST, Path("set/manifest.json"), Path("set/images.store"))
    assert open_set(Path("set/manifest.json")).names == [name]


def test_names_that_differ_only_in_case_are_two_images() -> None:
    image("mine/A.png")
    image("mine/a.png", 20, 24)
    image("lr/Ax4.png", 4, 4)
    image("lr/ax4.png", 5, 6)
    assert downloaded(lr_folder="lr") == ["A", "a"]
    pairs = json.loads(MANIFEST.read_text())["images"]
    assert [(pair["lr"]["path"], pair["lr"]["height"]) for pair in pairs] == [("Ax4.png", 4), ("ax4.png", 5)]


def test_suffixes_that_differ_only_in_case_are_two_images() -> None:
    image("mine/x.png")
    image("mine/x.PNG")
    assert downloaded() == ["x.PNG", "x.png"]


# Disks


@pytest.fixture
def small_disk(project: Path) -> Iterator[Callable[[str], object]]:
    """A file system at ``disk``; called with the options that it is to be mounted with from now on."""
    place = project / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)
    subprocess.run(["umount", str(place)], check=True)


def both_stages(folder: str, row: Download, rule: DataRule) -> bytes:
    """The bytes of the store that the two stages make in ``folder``."""
    source, made = Path(folder, "source/manifest.json"), Path(folder, "set/manifest.json")
    download(row, rule, "photos", source)
    crop(Crop(source="photos"), source, made, made.with_name("images.store"))
    return made.with_name("images.store").read_bytes()


def finished(folder: str) -> list[str]:
    """What lies there under its final name."""
    return [path.name for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith(".")]


@pytest.mark.parametrize("pages", range(10))
def test_a_disk_that_is_full_anywhere_is_one_line_and_the_next_run_goes_on(
    small_disk: Callable[[str], object], pages: int
) -> None:
    for number in range(4):
        image(f"mine/{number}.png", 40, 40)
    row = Download(use="training", folder="mine")
    expected = both_stages("roomy", row, REAL)
    filler = Path("disk/filler")
    filler.write_bytes(bytes((16 - pages) * 4096))
    with pytest.raises(EsrError, match=r"cannot write disk/.*No space left on device.*free the disk") as refusal:
        both_stages("disk", row, REAL)
    assert "\n" not in str(refusal.value)
    store = Path("disk/set/images.store")
    assert not store.exists() or store.read_bytes() == expected  # whole, where only the manifest does not fit
    assert not Path("disk/set/manifest.json").exists()
    filler.unlink()
    assert both_stages("disk", row, REAL) == expected


def test_stand_ins_on_a_full_disk_are_one_line(small_disk: Callable[[str], object]) -> None:
    with pytest.raises(EsrError, match=r"cannot write disk/source/hr/.*No space left on device; free the disk"):
        both_stages("disk", Download(use="validation"), DataRule(stand_in=True, only_source=None))
    assert finished("disk") == []


def test_an_archive_that_does_not_fit_unpacked_is_one_line_and_leaves_nothing(
    small_disk: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    image("big.png", 200, 200)  # noise: as large in the archive as outside of it
    monkeypatch.setattr("esr.sources.unpack.check_space", lambda *_: None)  # as if it filled up meanwhile
    for name, pack in (("z.zip", zip_of), ("t.tar", tar_of)):
        pack(Path(name), "big.png")
        with pytest.raises(EsrError, match="cannot be unpacked: cannot write disk/hr: No space left on device; free"):
            unpack(Path(name), Path("disk/hr"))
    assert list(Path("disk").iterdir()) == []


def test_a_disk_that_is_read_only_is_one_line(small_disk: Callable[[str], object]) -> None:
    image("mine/1.png")
    row = Download(use="training", folder="mine")
    small_disk("ro")
    with pytest.raises(EsrError, match=r"cannot write disk/source.*Read-only file system.*make the folder writable"):
        both_stages("disk", row, REAL)
    with pytest.raises(EsrError, match="cannot write disk/hr: Read-only file system"):
        zip_of(Path("z.zip"), "mine/1.png")
        unpack(Path("z.zip"), Path("disk/hr"))
    small_disk("rw")
    both_stages("disk", row, REAL)
    small_disk("ro")
    with pytest.raises(EsrError, match=r"cannot write disk/.*Read-only file system"):
        both_stages("disk", row, REAL)
    with pytest.raises(EsrError, match=r"cannot write disk/set.*Read-only file system"):
        crop(Crop(source="photos"), *(Path("disk", name) for name in ("source/manifest.json", *SET)))


# Archives


def zip_of(archive: Path, member: str, name: str | None = None) -> None:
    with zipfile.ZipFile(archive, "w") as file:
        file.write(member, name)


def tar_of(archive: Path, member: str, name: str | None = None) -> None:
    with tarfile.open(archive, "w") as file:
        file.add(member, name)


@pytest.mark.parametrize("pack", [zip_of, tar_of])
@pytest.mark.parametrize("name", ["x" * 60_000 + ".png", "a/" * 5000 + "x.png"], ids=["long", "deep"])
def test_members_with_names_that_no_disk_takes_are_one_short_line(
    pack: Callable[[Path, str, str], None], name: str
) -> None:
    image("1.png")
    pack(Path("archive"), "1.png", name)
    with pytest.raises(EsrError, match=r"archive cannot be unpacked \(File name too long\); delete it") as refusal:
        unpack(Path("archive"), Path("hr"))
    assert len(str(refusal.value)) < 200


def test_a_zip_with_a_name_that_is_not_what_it_says_is_one_line() -> None:
    image("1.png")
    zip_of(Path("archive"), "1.png", "caf\u00e9.png")
    Path("archive").write_bytes(Path("archive").read_bytes().replace("caf\u00e9".encode(), b"caf\xff\xff"))
    with pytest.raises(EsrError, match="archive cannot be unpacked"):
        unpack(Path("archive"), Path("hr"))


def test_two_archives_of_one_file_name_are_refused() -> None:
    archives = [Archive(url=f"http://127.0.0.1:9/{part}/images.zip") for part in ("a", "b")]
    assert "a/images.zip and http://127.0.0.1:9/b/images.zip have one file name" in refusal(
        folder=None, archives=archives
    )


# Images


def made_of(folder: str = "mine", **columns: Any) -> list[list[int]]:
    """Heights and widths of the set that the two stages make of a folder."""
    row = Download(use="training", **({"folder": folder} | columns))
    both_stages("made", row, REAL)
    sizes: list[list[int]] = open_set(Path("made/set/manifest.json")).sizes.tolist()
    return sizes


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 3), (3, 100), (100, 3)])
def test_images_of_a_few_pixels_are_named_with_the_column_that_leaves_them_out(height: int, width: int) -> None:
    image("mine/tiny.png", height, width)
    image("mine/large.png")
    with pytest.raises(EsrError, match=rf"tiny is {width}x{height} px, too small .*: set smallest_side: 4"):
        made_of()
    crop(Crop(source="photos", smallest_side=4), Path("made/source/manifest.json"), *map(Path, SET))
    assert open_set(Path(SET[0])).names == ["large"]


def test_the_smallest_image_is_packed() -> None:
    image("mine/1.png", 4, 4)
    assert made_of() == [[4, 4]]


@pytest.mark.parametrize(
    ("lr", "complaint"),
    [
        (("1.png", 64, 64), r"1 is not 4 times its LR image \(HR 16x16, LR 64x64\)"),
        (("1.png", 16, 16), r"1 is not 4 times its LR image \(HR 16x16, LR 16x16\)"),
        (("other.png", 4, 4), r"1 has no LR image in .*lr; .*other\.png has no HR image"),
        (("1.jpg.txt.png", 4, 4), "1 has no LR image"),
    ],
    ids=["larger than HR", "HR again", "other names", "longer names"],
)
def test_lr_images_that_are_none_are_named(lr: tuple[str, int, int], complaint: str) -> None:
    image("mine/1.png")
    image(f"lr/{lr[0]}", *lr[1:])
    with pytest.raises(EsrError, match=complaint):
        made_of(lr_folder="lr")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("seed", range(8))
def test_files_with_random_damage_are_taken_or_named_in_one_line(kind: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    Path("mine").mkdir()
    Image.fromarray(draw.integers(0, 256, (16, 16, 3), np.uint8)).save(f"mine/1.{kind.lower()}", kind)
    content = bytearray(Path(f"mine/1.{kind.lower()}").read_bytes())
    for _ in range(3):
        content[draw.integers(min(len(content), 120))] = draw.integers(256)
    Path(f"mine/1.{kind.lower()}").write_bytes(content[: draw.integers(1, len(content) + 1)])
    try:
        assert len(made_of()) == 1
    except EsrError as refused:
        assert str(refused).startswith("photos: an image cannot be used: ")
        assert "\n" not in str(refused)
        assert not Path("made/set/manifest.json").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", bytes(1000)], ids=repr)
def test_what_is_no_image_but_called_so_is_named(content: bytes) -> None:
    Path("mine").mkdir()
    Path("mine/1.png").write_bytes(content)
    with pytest.raises(EsrError, match=r"photos: an image cannot be used: .*1\.png"):
        made_of()
