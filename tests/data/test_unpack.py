"""Archives are unpacked whole or not at all, and no member leaves the folder."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from esr.common.errors import EsrError
from esr.sources.unpack import unpack
from tests.small_images import coded_image, png_bytes, zip_bytes

PNG = png_bytes(coded_image(1, 8, 8, 1))


def tar_bytes(*members: tarfile.TarInfo, mode: Literal["w", "w:gz", "w:xz"] = "w", content: bytes = PNG) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            file.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return buffer.getvalue()


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zip_link(name: str, target: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        member = zipfile.ZipInfo(name)
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(member, target)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("set.zip", zip_bytes({"train/a.png": PNG, "train/readme.txt": b"hello", "__MACOSX/._a.png": b"?"})),
        ("set.tar", tar_bytes(tar_member("train/a.png"), tar_member("train/readme.txt"))),
        ("set.tar.gz", tar_bytes(tar_member("./train/a.png"), mode="w:gz")),
        ("set.tar.xz", tar_bytes(tar_member("train/a.png"), mode="w:xz")),
    ],
)
def test_the_images_of_an_archive_are_written_and_nothing_else(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    unpack(tmp_path / name, tmp_path / "out")
    written = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")]
    assert sorted(written) == ["train", "train/a.png"]
    assert (tmp_path / "out/train/a.png").read_bytes() == PNG


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("set.zip", zip_bytes({"set/HR/1.png": PNG, "set/LR/X2/1.png": PNG, "set/LR/X4/1.png": PNG})),
        ("set.tar", tar_bytes(*map(tar_member, ("set/HR/1.png", "set/LR/X2/1.png", "set/LR/X4/1.png")))),
    ],
)
def test_a_pattern_chooses_among_the_images(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    unpack(tmp_path / name, tmp_path / "out", only="*/LR/X4/*")
    files = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")]
    assert files == ["set/LR/X4/1.png"]


def test_an_image_by_itself_needs_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    unpack(tmp_path / "a.png", tmp_path / "out")
    assert (tmp_path / "out/a.png").read_bytes() == PNG


@pytest.mark.parametrize(
    ("content", "member"),
    [
        (zip_bytes({"good.png": PNG, "../evil.png": PNG}), "../evil.png"),
        (zip_bytes({"a/../../evil.png": PNG}), "a/../../evil.png"),
        (zip_bytes({"/evil.png": PNG}), "/evil.png"),
        (zip_bytes({"..\\evil.png": PNG}), "evil.png"),
        (zip_bytes({"C:/evil.png": PNG}), "C:/evil.png"),
        (zip_link("evil.png", "/etc/passwd"), "evil.png"),
        (tar_bytes(tar_member("good.png"), tar_member("../evil.png")), "../evil.png"),
        (tar_bytes(tar_member("/evil.png")), "/evil.png"),
        (tar_bytes(tar_member("evil.png", tarfile.SYMTYPE, "/etc/passwd")), "evil.png"),
        (tar_bytes(tar_member("evil.png", tarfile.LNKTYPE, "good.png")), "evil.png"),
        (tar_bytes(tar_member("evil.png", tarfile.FIFOTYPE)), "evil.png"),
        (tar_bytes(tar_member("evil.png", tarfile.CHRTYPE)), "evil.png"),
    ],
)
def test_a_member_that_would_leave_the_folder_or_is_no_file_is_refused_by_name(
    tmp_path: Path, content: bytes, member: str
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/set").write_bytes(content)
    with pytest.raises(EsrError, match="is refused: its member") as refusal:
        unpack(tmp_path / "deep/set", tmp_path / "deep/out")
    assert member in str(refusal.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["deep", "set"]


NOISE = np.random.default_rng(0).bytes(4000)
ZIP = zip_bytes({"a.png": NOISE})
TAR_GZ = tar_bytes(tar_member("a.png"), mode="w:gz", content=NOISE)


@pytest.mark.parametrize(
    "content",
    [
        ZIP[:100] + bytes([ZIP[100] ^ 1]) + ZIP[101:],
        ZIP[:2000],
        TAR_GZ[:2000],
        TAR_GZ[:100] + bytes([TAR_GZ[100] ^ 1]) + TAR_GZ[101:],
        tar_bytes(tar_member("a.png"))[:600],
        b"<html>please accept the licence</html>",
        b"",
    ],
    ids=["zip, a bit flipped", "zip, cut", "tar.gz, cut", "tar.gz, a bit flipped", "tar, cut", "a web page", "empty"],
)
def test_a_damaged_archive_is_named_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set").write_bytes(content)
    with pytest.raises(EsrError, match=r"set cannot be unpacked .* delete it"):
        unpack(tmp_path / "set", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_what_an_interrupted_run_left_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part/half.png").write_bytes(PNG[:10])
    (tmp_path / "set.zip").write_bytes(zip_bytes({"a.png": PNG}))
    unpack(tmp_path / "set.zip", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.png", "out", "set.zip"]
