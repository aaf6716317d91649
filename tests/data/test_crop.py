"""The stage `crop`: what is packed, what is refused, and what becomes of an interrupted run."""

import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esr.common.errors import EsrError
from esr.common.hashed_file import HashedFile
from esr.packed import packing
from esr.packed.crop import crop
from esr.packed.store import open_set
from esr.recipes.rows import Crop
from tests.packed_sets import packed, source_of
from tests.small_images import coded_image, coded_pairs, write_image

SIZES = [(40, 48), (64, 40), (44, 44)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    coded_pairs(tmp_path, SIZES)
    return tmp_path


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix not in (".lock", ".pid")}


def test_a_set_holds_the_pixels_of_its_images(folder: Path) -> None:
    images = open_set(packed(source_of(folder), folder / "set"))
    assert images.names == ["0000", "0001", "0002"]
    for i in range(3):
        np.testing.assert_array_equal(images.hr(i), Image.open(folder / f"hr/000{i}.png"))
        np.testing.assert_array_equal(images.lr(i), Image.open(folder / f"lr/000{i}x4.png"))
        assert images.hr(i).dtype == np.uint8


def test_hr_is_cut_at_the_right_and_bottom_to_multiples_of_4_and_that_is_said_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for i in range(3):
        write_image(tmp_path / f"hr/{i}.png", coded_image(i, 43, 46, 4))
        write_image(tmp_path / f"lr/{i}.png", coded_image(i, 11, 12, 1))  # MATLAB rounds the size up
    images = open_set(packed(source_of(tmp_path), tmp_path / "set"))
    np.testing.assert_array_equal(images.hr(1), coded_image(1, 40, 44, 4))
    np.testing.assert_array_equal(images.lr(1), coded_image(1, 10, 11, 1))
    assert capfd.readouterr().err.count("3 of 3 images are cut") == 1


def test_lr_that_is_not_shipped_is_made_by_bicubic(tmp_path: Path) -> None:
    ramp = np.repeat(np.broadcast_to(np.arange(200, dtype=np.uint8), (40, 200))[..., None], 3, axis=2)
    write_image(tmp_path / "hr/ramp.png", ramp)
    lr = open_set(packed(source_of(tmp_path, lr=False), tmp_path / "set")).lr(0)
    # A cubic convolution keeps a ramp: LR pixel i lies at HR column 4 i + 1.5, rounded half up.
    np.testing.assert_array_equal(lr[5, 3:-3, 0], np.arange(3, 47) * 4 + 2)


def test_a_set_may_be_a_part_of_its_source(folder: Path) -> None:
    source = source_of(folder)
    assert open_set(packed(source, folder / "first", first=2)).names == ["0000", "0001"]
    assert open_set(packed(source, folder / "large", smallest_side=44)).names == ["0002"]


def test_the_first_images_are_counted_before_any_is_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """IFADNet trains on the first 10,000 of LSDIR: those of them that are large enough, and no others."""
    coded_pairs(tmp_path, [(40, 48), (64, 44), (44, 44), (48, 48)])
    images = open_set(packed(source_of(tmp_path), tmp_path / "both", smallest_side=44, first=3))
    assert images.names == ["0001", "0002"]
    assert capfd.readouterr().err.count("1 of 3 images have a side below 44 px: left out") == 1


def test_images_that_are_left_out_are_counted_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    packed(source_of(folder), folder / "large", smallest_side=44)
    assert capfd.readouterr().err.count("2 of 3 images have a side below 44 px: left out") == 1


def test_equal_input_gives_equal_bytes_with_and_without_worker_processes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(folder)
    packed(source, folder / "serial")
    monkeypatch.setattr(packing, "_WORTH_A_POOL", 0)
    packed(source, folder / "parallel")
    assert files_in(folder / "serial") == files_in(folder / "parallel")
    assert sorted(files_in(folder / "serial")) == ["images.store", "manifest.json"]


@pytest.mark.parametrize("pool", [False, True], ids=["in one process", "by workers"])
def test_the_md5_of_a_store_is_known_from_packing_it(folder: Path, monkeypatch: pytest.MonkeyPatch, pool: bool) -> None:
    monkeypatch.setattr(packing, "_WORTH_A_POOL", 0 if pool else 1e9)
    hashed = crop(Crop(source="photos"), source_of(folder), folder / "set/manifest.json", folder / "set/images.store")
    assert_is_of(hashed, folder / "set/images.store")


def test_the_md5_does_not_depend_on_the_order_in_which_images_are_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = packing._outcomes
    monkeypatch.setattr(packing, "_outcomes", lambda part, tasks: reversed(list(outcomes(part, tasks))))
    hashed = crop(Crop(source="photos"), source_of(folder), folder / "set/manifest.json", folder / "set/images.store")
    assert_is_of(hashed, folder / "set/images.store")


def test_the_md5_of_a_set_of_no_images(folder: Path) -> None:
    row = Crop(source="photos", smallest_side=1000)
    hashed = crop(row, source_of(folder), folder / "set/manifest.json", folder / "set/images.store")
    assert_is_of(hashed, folder / "set/images.store")


def assert_is_of(hashed: HashedFile | None, store: Path) -> None:
    """The md5 is what the system's own tool computes, and the stat is the file's."""
    told = subprocess.run(["md5sum", store], capture_output=True, text=True, check=True).stdout.split()[0]
    state = store.stat()
    assert hashed == ((state.st_ino, state.st_size, state.st_mtime_ns), told)


# What is refused: every image at once, and nothing is written


@pytest.mark.parametrize("pool", [False, True], ids=["in one process", "by workers"])
def test_every_image_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, pool: bool) -> None:
    for name in ("0000", "0002"):
        path = folder / f"hr/{name}.png"
        path.write_bytes(path.read_bytes()[:-60])  # behind the header, which is all that a download reads
    source = source_of(folder)
    monkeypatch.setattr(packing, "_WORTH_A_POOL", 0 if pool else 1e9)
    with pytest.raises(EsrError, match=r"photos: 2 images cannot be used: .*0000\.png.*0002\.png") as refusal:
        packed(source, folder / "set")
    assert "\n" not in str(refusal.value)
    assert not (folder / "set/manifest.json").exists()
    assert not (folder / "set/images.store").exists()


def test_images_of_kinds_that_cannot_be_had_exactly_are_named(folder: Path) -> None:
    source = source_of(folder, lr=False)
    Image.new("CMYK", (48, 40)).save(folder / "hr/0000.tif")
    Image.new("RGBA", (40, 64), (1, 2, 3, 4)).save(folder / "hr/0001.png")
    Image.new("L", (44, 44), 7).save(folder / "hr/0002.png")
    (folder / "hr/0000.png").unlink()
    with pytest.raises(EsrError, match=r"2 images cannot be used: .*0000\.tif.*0001\.png"):
        packed(source_of(folder, lr=False), folder / "set")
    assert source.exists()


def test_grey_images_are_taken_exactly(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    write_image(tmp_path / "hr/grey.png", grey)
    write_image(tmp_path / "hr/other.png", coded_image(1, 16, 16, 4))
    images = open_set(packed(source_of(tmp_path, lr=False), tmp_path / "set"))
    np.testing.assert_array_equal(images.hr(0), np.stack([grey] * 3, axis=2))
    assert [image.grey for image in images.parts[0].images] == [True, False]


def test_every_pair_that_is_not_4_to_1_is_named_with_its_sizes(folder: Path) -> None:
    write_image(folder / "lr/0000x4.png", coded_image(0, 20, 24, 1))
    write_image(folder / "lr/0002x4.png", coded_image(2, 11, 13, 1))
    with pytest.raises(EsrError, match=r"0000 is not 4 times .*HR 48x40, LR 24x20.*0002 .*HR 44x44, LR 13x11"):
        packed(source_of(folder), folder / "set")


def test_an_lr_image_of_another_picture_is_named(folder: Path) -> None:
    other = np.full((16, 10, 3), 255, np.uint8)
    write_image(folder / "lr/0001x4.png", other)
    with pytest.raises(EsrError, match=r"0001x4\.png does not show what .*0001\.png shows"):
        packed(source_of(folder), folder / "set")


def test_an_image_below_4_pixels_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "hr/tiny.png", coded_image(0, 3, 9, 1))
    with pytest.raises(EsrError, match="tiny is 9x3 px"):
        packed(source_of(tmp_path, lr=False), tmp_path / "set")


@pytest.mark.parametrize("pool", [False, True], ids=["in one process", "by workers"])
def test_every_file_that_changed_since_the_download_is_named_and_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pool: bool
) -> None:
    source = source_of(folder)
    write_image(folder / "hr/0001.png", coded_image(9, 64, 40, 4))  # the same size, other pixels
    write_image(folder / "lr/0001x4.png", coded_image(9, 16, 10, 1))
    write_image(folder / "lr/0002x4.png", coded_image(9, 11, 11, 1))
    (folder / "hr/0000.png").unlink()
    monkeypatch.setattr(packing, "_WORTH_A_POOL", 0 if pool else 1e9)
    with pytest.raises(EsrError) as refusal:
        packed(source, folder / "set")
    changed = re.findall(r"(\w+\.png) has changed since the download; run the download again", str(refusal.value))
    assert changed == ["0001.png", "0001x4.png", "0002x4.png"]
    assert re.findall(r"(\w+\.png) is missing; run the download again", str(refusal.value)) == ["0000.png"]
    assert not (folder / "set/images.store").exists()


def test_a_missing_source_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EsrError, match="is missing"):
        packed(tmp_path / "nowhere/manifest.json", tmp_path / "set")


# Interrupted, twice at once, on a full disk

KILLED_AT_THE_SECOND_IMAGE = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from esr.packed import pack_one
from tests.packed_sets import packed
read, count = pack_one.read_rgb, 0
def read_rgb(path):
    global count
    count += 1
    if count == 5:  # the HR and LR of two images, then the third
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path)
pack_one.read_rgb = read_rgb
packed(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def killed(source: Path, folder: Path) -> None:
    code = KILLED_AT_THE_SECOND_IMAGE.format(root=str(Path(__file__).parents[2]))
    done = subprocess.run([sys.executable, "-c", code, str(source), str(folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (folder / "manifest.json").exists()
    assert not (folder / "images.store").exists()


def test_a_killed_run_is_gone_on_with_and_ends_with_the_same_bytes(folder: Path) -> None:
    source = source_of(folder)
    packed(source, folder / "whole")
    killed(source, folder / "killed")
    shutil.copy(folder / "hr/0002.png", folder / "kept.png")
    for name in ("0000", "0001"):
        (folder / f"hr/{name}.png").unlink()  # what was packed before the kill is not read again
    store = folder / "killed/images.store"
    hashed = crop(Crop(source="photos"), source, folder / "killed/manifest.json", store)
    assert files_in(folder / "killed") == files_in(folder / "whole")
    assert_is_of(hashed, store)


def test_what_a_killed_run_left_is_believed_only_where_its_hash_is_right(folder: Path) -> None:
    source = source_of(folder)
    packed(source, folder / "whole")
    killed(source, folder / "killed")
    with (folder / "killed/.images.store.part").open("rb+") as file:
        file.seek(4096 + 1000)
        file.write(b"\xff\xee")
    packed(source, folder / "killed")
    assert files_in(folder / "killed") == files_in(folder / "whole")


def test_a_journal_that_was_cut_in_the_middle_of_a_line_does_no_harm(folder: Path) -> None:
    source = source_of(folder)
    packed(source, folder / "whole")
    killed(source, folder / "killed")
    journal = folder / "killed/.images.store.journal"
    journal.write_text(journal.read_text()[:-20])
    packed(source, folder / "killed")
    assert files_in(folder / "killed") == files_in(folder / "whole")


@pytest.mark.parametrize("damage", [b"not three words\n", b"x y z\n", b"\xff\xfe\n"])
def test_a_damaged_journal_is_not_believed(folder: Path, damage: bytes) -> None:
    source = source_of(folder)
    packed(source, folder / "whole")
    killed(source, folder / "killed")
    journal = folder / "killed/.images.store.journal"
    journal.write_bytes(journal.read_bytes() + damage)
    packed(source, folder / "killed")
    assert files_in(folder / "killed") == files_in(folder / "whole")


def test_what_was_packed_of_other_images_is_not_gone_on_with(folder: Path) -> None:
    source = source_of(folder)
    killed(source, folder / "killed")
    write_image(folder / "hr/0000.png", coded_image(9, 40, 48, 4))
    write_image(folder / "lr/0000x4.png", coded_image(9, 10, 12, 1))
    images = open_set(packed(source_of(folder), folder / "killed"))
    assert images.hr(0)[0, 0, 2] == 9


def test_a_run_that_ended_between_the_store_and_its_manifest_reads_no_image_again(folder: Path) -> None:
    source = source_of(folder)
    packed(source, folder / "whole")
    killed(source, folder / "killed")
    packed(source, folder / "killed")
    journal = "\n".join(
        [
            json.loads((folder / "killed/manifest.json").read_text())["made_from"],
            *(
                f"{place} {image['hr_sha256']} {image['lr_sha256']}"
                for place, image in enumerate(json.loads((folder / "killed/manifest.json").read_text())["images"])
            ),
            "",
        ]
    )
    (folder / "killed/manifest.json").unlink()
    (folder / "killed/.images.store.journal").write_text(journal)
    shutil.rmtree(folder / "hr")
    packed(source, folder / "killed")
    assert files_in(folder / "killed") == files_in(folder / "whole")


def test_two_processes_packing_one_set_do_it_once(folder: Path) -> None:
    source = source_of(folder)
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=packed, args=(source, folder / "set")) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    packed(source, folder / "alone")
    assert files_in(folder / "set") == files_in(folder / "alone")


def test_who_comes_second_waits_says_for_whom_and_finds_the_work_done(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import threading

    from filelock import FileLock

    source = source_of(folder)
    packed(source, folder / "set")
    shutil.rmtree(folder / "hr")  # packing again would fail
    (folder / "set/.images.store.pid").write_text("4711\n")
    with FileLock(folder / "set/.images.store.lock"):
        second = threading.Thread(target=packed, args=(source, folder / "set"))
        second.start()
        second.join(0.3)
        assert second.is_alive()
    second.join()
    assert "waiting for process 4711, which packs" in capfd.readouterr().err
    open_set(folder / "set/manifest.json")


def test_a_disk_that_is_too_small_is_one_line_before_any_work(folder: Path) -> None:
    source = source_of(folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))  # the kernel refuses to let any file grow beyond
    try:
        with pytest.raises(EsrError, match=r"cannot write .*images\.store.*free the disk"):
            packed(source, folder / "set")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [name for name in files_in(folder / "set") if name.endswith((".part", ".store", ".json"))] == []
    packed(source, folder / "set")


def test_a_disk_that_fails_midway_is_one_line_and_the_next_run_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(folder)
    packed(source, folder / "whole")
    write, count = os.pwrite, 0

    def full(handle: int, data: memoryview, offset: int) -> int:
        nonlocal count
        count += 1
        if count > 4:
            raise OSError(28, "No space left on device")
        return write(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(EsrError, match="No space left on device; free the disk"):
        packed(source, folder / "set")
    monkeypatch.undo()
    assert not (folder / "set/images.store").exists()
    packed(source, folder / "set")
    assert files_in(folder / "set") == files_in(folder / "whole")


def test_a_folder_that_cannot_be_written_is_one_line(folder: Path) -> None:
    (folder / "set").write_text("a file, not a folder")
    with pytest.raises(EsrError, match=r"cannot write .*set"):
        packed(source_of(folder), folder / "set")
