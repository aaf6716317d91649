"""`esr inspect` tells what a store holds, and finds what has changed in it."""

import json
from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.packed.join import join
from esr.recipes.rows import Download
from esr.sources.download import download
from esr.sources.inspection import inspect
from tests.packed_sets import REAL, coded_set, packed, source_of
from tests.small_images import coded_image, coded_pairs, write_image

SIZES = [(40, 48), (64, 40), (400, 500)]


@pytest.mark.parametrize("name", ["manifest.json", "images.store", ""])
def test_a_set_is_described_by_its_manifest_its_store_or_its_folder(tmp_path: Path, name: str) -> None:
    text = inspect(coded_set(tmp_path, SIZES, "div2k").manifest.parent / name)
    assert "set of 3 images in 1 part" in text
    assert "div2k" in text
    assert "smallest 0000 (48x40 px), largest 0002 (500x400 px)" in text
    assert "patches up to 40 px" in text


def test_a_join_is_described_part_by_part(tmp_path: Path) -> None:
    first, second = coded_set(tmp_path / "a", SIZES, "div2k"), coded_set(tmp_path / "b", SIZES[:1], "lsdir")
    join(first.manifest, second.manifest, tmp_path / "both/manifest.json")
    text = inspect(tmp_path / "both")
    assert "set of 4 images in 2 parts" in text
    assert text.index("div2k: ") < text.index("lsdir: ")


def test_a_source_is_described(tmp_path: Path) -> None:
    coded_set(tmp_path, SIZES)
    text = inspect(source_of(tmp_path))
    assert "source photos" in text
    assert "3 images, 0.2 MP of HR" in text


def test_names_that_an_archive_gave_do_nothing_to_a_terminal(tmp_path: Path) -> None:
    coded_pairs(tmp_path, SIZES[:1])
    for name, hostile in (("hr/0000.png", "hr/\x1b[2J.png"), ("lr/0000x4.png", "lr/\x1b[2Jx4.png")):
        (tmp_path / name).rename(tmp_path / hostile)
    source = source_of(tmp_path)
    for described in (source, packed(source, tmp_path / "set")):
        lines = inspect(described).splitlines()
        assert any(r"smallest \x1b[2J (48x40 px)" in line for line in lines)
        assert all(line.isprintable() for line in lines)


def test_every_image_whose_samples_have_changed_is_named(tmp_path: Path) -> None:
    store = coded_set(tmp_path, SIZES).manifest.parent / "images.store"
    assert "every sample of 3 HR and LR images" in inspect(store, verify=True)
    with store.open("rb+") as file:
        file.seek(-33, 2)  # the last byte of the last LR image, before the index's hash
        file.write(b"\xff")
        file.seek(4096)  # the first byte of the first HR image
        file.write(b"\xff")
    with pytest.raises(EsrError, match=r"2 images cannot be used: 0000 in .* has changed .*; 0002 in"):
        inspect(store, verify=True)


@pytest.mark.parametrize(("part", "kind"), [("a", "hr"), ("a", "lr"), ("b", "hr"), ("b", "lr")])
def test_one_flipped_bit_of_hr_or_lr_is_found_in_any_part_of_a_join(tmp_path: Path, part: str, kind: str) -> None:
    sets = {name: coded_set(tmp_path / name, SIZES, f"photos-{name}").manifest for name in ("a", "b")}
    join(sets["a"], sets["b"], tmp_path / "both/manifest.json")
    image = json.loads(sets[part].read_text())["images"][1]
    with (sets[part].parent / "images.store").open("rb+") as file:
        file.seek(image[f"{kind}_offset"] + 7)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(EsrError, match=rf"an image cannot be used: 0001 in .*photos-{part}/images\.store has changed"):
        inspect(tmp_path / "both", verify=True)


def test_every_file_of_a_source_that_is_gone_has_changed_or_was_added_is_named(tmp_path: Path) -> None:
    coded_pairs(tmp_path, SIZES)
    source = source_of(tmp_path)
    assert "every file of 3 images has the hash" in inspect(source, verify=True)
    (tmp_path / "hr/0000.png").unlink()
    with (tmp_path / "lr/0001x4.png").open("rb+") as file:
        file.seek(-20, 2)
        file.write(b"\xff")
    write_image(tmp_path / "lr/0007x4.png", coded_image(7, 10, 12, 1))
    assert "source photos" in inspect(source)
    with pytest.raises(EsrError) as refusal:
        inspect(source, verify=True)
    for part in (
        "hr/0000.png is missing",
        "lr/0001x4.png has changed",
        "lr/0007x4.png is not in",
        "esr download photos",
    ):
        assert part in str(refusal.value)
    assert "hr/0001.png" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_source_of_no_images_verifies(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    download(Download(use="training", optional=True), REAL, "lsdir", manifest)
    assert "every file of 0 images" in inspect(manifest, verify=True)


def test_what_is_nothing_of_ours_is_told(tmp_path: Path) -> None:
    with pytest.raises(EsrError, match=r"has no manifest\.json in it or beside it"):
        inspect(tmp_path)
