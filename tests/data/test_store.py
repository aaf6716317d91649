"""A store is read only if it is the one that its manifest describes; joins refer to sets and copy nothing."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esr.common.errors import EsrError
from esr.packed.join import join
from esr.packed.store import open_set
from tests.packed_sets import coded_set, packed, source_of
from tests.small_images import coded_pairs


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return coded_set(tmp_path, [(40, 48), (64, 40)]).manifest


def test_images_are_views_into_the_file(manifest: Path) -> None:
    images = open_set(manifest)
    assert len(images) == 2
    assert not images.hr(0).flags.owndata
    assert not images.hr(0).flags.writeable
    assert images.sizes.tolist() == [[40, 48], [64, 40]]
    with pytest.raises(IndexError):
        images.hr(2)


def test_the_store_is_as_large_as_its_samples_a_page_and_a_hash(manifest: Path) -> None:
    samples = (40 * 48 + 64 * 40) * 3
    assert (manifest.parent / "images.store").stat().st_size == 4096 + samples + samples // 16 + 32


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda store: os.truncate(store, store.stat().st_size - 1), "has 18,407 bytes instead of"),
        (lambda store: os.truncate(store, 100), "has 100 bytes instead of|not a finished store"),
        (lambda store: os.truncate(store, 0), "is not a finished store"),
        (lambda store: store.write_bytes(b"\x89PNG" + bytes(9000)), "is not a finished store"),
        (lambda store: overwrite(store, 0, bytes(4096)), "is not a finished store"),
        (lambda store: overwrite(store, 8, struct.pack("<I", 7)), "is a store of version 7, this is version 2"),
        (lambda store: overwrite(store, 30, b"\xaa"), "is not the store that .* describes"),
        (lambda store: overwrite(store, 18_376, b"\xaa\xbb"), "is not the store that .* describes"),
        (lambda store: store.unlink(), "is missing"),
    ],
    ids=[
        "cut by a byte",
        "cut short",
        "empty",
        "foreign",
        "never finished",
        "version",
        "header",
        "of another set",
        "gone",
    ],
)
def test_a_store_that_is_not_the_right_one_is_refused_with_the_remedy(
    manifest: Path, damage: Callable[[Path], object], complaint: str
) -> None:
    damage(manifest.parent / "images.store")
    with pytest.raises(EsrError, match=rf"images\.store {complaint}") as refusal:
        open_set(manifest)
    assert "delete" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(content)


@pytest.mark.parametrize("change", [{"format": 2}, {"kind": "source"}, {"images": None}, {"surprise": 1}])
def test_a_manifest_of_another_version_or_kind_is_refused(manifest: Path, change: dict[str, Any]) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(EsrError, match=r"manifest\.json is no manifest of a set of version 1; delete it"):
        open_set(manifest)


def test_a_manifest_that_is_missing_or_cut_is_one_line(manifest: Path) -> None:
    with pytest.raises(EsrError, match="is missing"):
        open_set(manifest.with_name("nothing.json"))
    manifest.write_text(manifest.read_text()[:50])
    with pytest.raises(EsrError, match="cannot be read as JSON"):
        open_set(manifest)


def joined(first: Path, second: Path, manifest: Path) -> Path:
    join(first, second, manifest)
    return manifest


def test_a_join_has_the_images_of_both_and_copies_none(tmp_path: Path) -> None:
    first = coded_set(tmp_path / "a", [(40, 48), (64, 40)], "div2k")
    second = coded_set(tmp_path / "b", [(44, 44)], "flickr2k")
    images = open_set(joined(first.manifest, second.manifest, tmp_path / "sets/df2k/manifest.json"))
    assert images.names == ["div2k/0000", "div2k/0001", "flickr2k/0000"]
    assert [part.source for part in images.parts] == ["div2k", "flickr2k"]
    np.testing.assert_array_equal(images.hr(2), second.hr(0))
    np.testing.assert_array_equal(images.lr(1), first.lr(1))
    assert [path.name for path in (tmp_path / "sets/df2k").iterdir()] == ["manifest.json"]
    assert not images.stand_in


def test_joins_may_be_joined(tmp_path: Path) -> None:
    sets = [coded_set(tmp_path / name, [(40, 40)], name).manifest for name in ("a", "b", "c")]
    inner = joined(sets[0], sets[1], tmp_path / "ab/manifest.json")
    outer = joined(inner, sets[2], tmp_path / "deeper/down/manifest.json")
    assert open_set(outer).names == ["a/0000", "b/0000", "c/0000"]
    assert json.loads(outer.read_text())["totals"]["images"] == 3


def test_a_join_has_the_same_bytes_wherever_the_project_lies(tmp_path: Path) -> None:
    texts = []
    for place in ("here", "there"):
        sets = [coded_set(tmp_path / place / name, [(40, 40)], name).manifest for name in ("a", "b")]
        texts.append(joined(sets[0], sets[1], tmp_path / place / "ab/manifest.json").read_bytes())
    assert texts[0] == texts[1]


def test_a_part_that_was_packed_anew_since_the_join_is_told(tmp_path: Path) -> None:
    first = coded_set(tmp_path / "a", [(40, 40)], "a").manifest
    second = coded_set(tmp_path / "b", [(40, 40)], "b").manifest
    both = joined(first, second, tmp_path / "ab/manifest.json")
    coded_pairs(tmp_path / "b", [(48, 48)])
    packed(source_of(tmp_path / "b", "b"), second.parent)
    with pytest.raises(EsrError, match=r"b/manifest\.json has changed since .* joined it; run the join again"):
        open_set(both)


def test_a_damaged_part_of_a_join_is_named(tmp_path: Path) -> None:
    first = coded_set(tmp_path / "a", [(40, 40)], "a").manifest
    second = coded_set(tmp_path / "b", [(40, 40)], "b").manifest
    both = joined(first, second, tmp_path / "ab/manifest.json")
    os.truncate(second.parent / "images.store", 5000)
    with pytest.raises(EsrError, match=r"b/images\.store has 5,000 bytes"):
        open_set(both)


# Manifests in which something was changed


@pytest.mark.parametrize(
    ("key", "value"),
    [("hr_offset", 4099), ("lr_offset", 4096), ("height", 44), ("width", 4), ("name", "0007"), ("lr_sha256", "0" * 64)],
)
def test_an_index_that_was_changed_is_refused_though_it_reads_well(manifest: Path, key: str, value: object) -> None:
    content = json.loads(manifest.read_text())
    content["images"][0][key] = value
    manifest.write_text(json.dumps(content))
    with pytest.raises(EsrError, match=r"manifest\.json has been changed.*; delete it and run the stage"):
        open_set(manifest)


def test_images_that_were_taken_out_of_the_index_are_noticed(manifest: Path) -> None:
    content = json.loads(manifest.read_text())
    del content["images"][0]
    manifest.write_text(json.dumps(content))
    with pytest.raises(EsrError, match=r"manifest\.json has been changed"):
        open_set(manifest)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "[]", "null", "7", '"set"', "{}", "\ud800", "9" * 5000, "NaN", ""],
    ids=lambda text: repr(text[:6]),
)
def test_json_that_is_no_manifest_is_one_line(manifest: Path, text: str) -> None:
    manifest.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(EsrError, match=r"manifest\.json .*delete it and run the stage") as refusal:
        open_set(manifest)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        {"images": {}},
        {"images": [7]},
        {"store": 7},
        {"store": "nul\0byte"},
        {"store": "."},
        {"index_sha256": "not hexadecimal"},
        {"index_sha256": None},
        {"store_bytes": -1},
        {"store_bytes": 2**80},
        {"totals": None},
        {"source": 7},
    ],
    ids=str,
)
def test_values_of_a_wrong_kind_in_a_manifest_are_one_line(manifest: Path, change: dict[str, Any]) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(EsrError, match=r"manifest\.json") as refusal:
        open_set(manifest)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("height", [0, -8, 2**63, 10**30])
def test_a_source_of_impossible_sizes_is_one_line(tmp_path: Path, height: int) -> None:
    coded_pairs(tmp_path, [(40, 48)])
    source = source_of(tmp_path)
    content = json.loads(source.read_text())
    content["images"][0]["hr"]["height"] = height
    source.write_text(json.dumps(content))
    with pytest.raises(EsrError, match=r"manifest\.json is no manifest of a source"):
        packed(source, tmp_path / "set")


def test_a_source_whose_manifest_says_another_size_than_the_image_has_is_one_line(tmp_path: Path) -> None:
    coded_pairs(tmp_path, [(40, 48)])
    source = source_of(tmp_path, lr=False)
    source.write_text(source.read_text().replace('"height": 40', '"height": 44'))
    with pytest.raises(EsrError, match=r"0000\.png has another size than its source's manifest says"):
        packed(source, tmp_path / "set")
