"""The stage `download`: what lies beside the manifest, and what the manifest says of it."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.rows import Archive, Download
from esr.recipes.scale import DataRule
from esr.sources.download import bring_back, download
from tests.data.file_server import FileServer
from tests.small_images import coded_image, png_bytes, tar_bytes, write_image, zip_bytes

ROOT = Path(__file__).resolve().parents[2]
REAL = DataRule(stand_in=False, only_source=None)
STAND_IN = DataRule(stand_in=True, only_source=None)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def manifest_of(row: Download, rule: DataRule, key: str = "source", folder: str = "data") -> dict[str, Any]:
    path = Path(folder, key, "manifest.json")
    download(row, rule, key, path)
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def names(manifest: dict[str, Any]) -> list[str]:
    return [image["name"] for image in manifest["images"]]


def a_folder(*files: str, place: str = "mine") -> str:
    for number, file in enumerate(files):
        write_image(Path(place, file), coded_image(number, 24, 32, 4))
    return place


# Stand-ins


def test_two_photographs_are_held_out_whole_and_none_of_the_others() -> None:
    held_out = names(manifest_of(Download(use="validation"), STAND_IN, "valid"))
    training = names(manifest_of(Download(use="training"), STAND_IN))
    assert held_out == ["chelsea", "coffee"]
    assert set(training).isdisjoint(held_out)
    assert {"astronaut", "rocket", "motorcycle", "china", "flower"} <= set(training)
    assert len([name for name in training if "motorcycle" in name]) == 1  # the stereo pair is one image


def test_a_stand_in_says_so_and_describes_its_images() -> None:
    manifest = manifest_of(Download(use="validation", images=100), STAND_IN, "div2k-valid")
    assert manifest["stand_in"] is True
    assert manifest["about"].startswith("stand-in for div2k-valid")
    chelsea = manifest["images"][0]["hr"]
    assert (chelsea["height"], chelsea["width"]) == (300, 451)  # scikit-image's documentation
    content = Path("data/div2k-valid/hr", chelsea["path"]).read_bytes()
    assert chelsea["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["totals"] == {"images": 2, "pixels": 300 * 451 + 400 * 600, "bytes": 3 * (300 * 451 + 400 * 600)}


def test_the_photographs_are_those_of_the_package() -> None:
    from skimage.data import chelsea
    from skimage.io import imread

    manifest_of(Download(use="validation"), STAND_IN)
    assert (imread("data/source/hr/chelsea.png") == chelsea()).all()


def test_equal_sources_have_equal_bytes_wherever_they_lie() -> None:
    for folder in ("here", "there/and/further"):
        download(Download(use="training"), STAND_IN, "div2k", Path(folder, "manifest.json"))
    assert Path("here/manifest.json").read_bytes() == Path("there/and/further/manifest.json").read_bytes()
    assert str(Path.cwd()) not in Path("here/manifest.json").read_text()


def test_stand_ins_import_neither_torch_nor_their_packages() -> None:
    code = (
        "import sys; from pathlib import Path; import esr.packed.crop, esr.packed.join;"
        "from esr.sources.download import download;"
        "from esr.recipes.rows import Download; from esr.recipes.scale import DataRule;"
        "download(Download(use='training'), DataRule(stand_in=True, only_source=None), 'x', Path('x/manifest.json'));"
        "print([name for name in ('torch', 'skimage', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Which sources a scale uses


def test_a_scale_with_one_source_leaves_the_other_training_sources_empty() -> None:
    rule = DataRule(stand_in=False, only_source="div2k")
    folder = a_folder("1.png")
    empty = manifest_of(Download(use="training", folder=folder), rule, "flickr2k")
    assert empty["images"] == []
    assert "div2k" in empty["about"]
    assert names(manifest_of(Download(use="training", folder=folder), rule, "div2k")) == ["1"]
    assert names(manifest_of(Download(use="validation", folder=folder), rule, "valid")) == ["1"]


def test_a_source_that_nothing_is_known_of_says_how_to_get_it() -> None:
    with pytest.raises(EsrError, match=r"download\.lsdir: .*accept the licence"):
        manifest_of(Download(use="training", how="accept the licence"), REAL, "lsdir")


def test_a_source_that_one_can_do_without_is_empty_where_it_is_not_there_and_at_demo() -> None:
    row = Download(use="validation", optional=True, how="ask the organisers")
    missing = manifest_of(row, REAL, "div2k-lsdir-valid")
    assert (missing["images"], missing["stand_in"]) == ([], False)
    assert "ask the organisers" in missing["about"]
    given = row.model_copy(update={"folder": a_folder("1.png")})
    assert names(manifest_of(given, REAL)) == ["1"]
    at_demo = manifest_of(given, STAND_IN)
    assert (at_demo["images"], at_demo["stand_in"]) == ([], False)


# The user's folder


def test_a_folder_is_searched_with_its_subfolders_in_order_of_path() -> None:
    folder = a_folder("b/2.png", "a/3.png", "1.png", "b/.hidden.png", ".trash/4.png")
    Path(folder, "notes.txt").write_text("not an image")
    assert names(manifest_of(Download(use="training", folder=folder, images=3), REAL)) == ["1", "3", "2"]


def test_images_of_the_same_name_are_told_apart_by_their_folders() -> None:
    folder = a_folder("a/1.png", "b/1.png")
    assert names(manifest_of(Download(use="training", folder=folder), REAL)) == ["a/1", "b/1"]


def test_lr_images_are_paired_by_name() -> None:
    folder = a_folder("0001.png", "0002.png")
    lr_folder = a_folder("X4/0002x4.png", "X4/0001x4.png", place="lr")
    manifest = manifest_of(Download(use="training", folder=folder, lr_folder=lr_folder), REAL)
    assert [(i["name"], i["lr"]["path"]) for i in manifest["images"]] == [
        ("0001", "X4/0001x4.png"),
        ("0002", "X4/0002x4.png"),
    ]


def test_lr_images_are_paired_whatever_marks_tell_them_apart() -> None:
    folder = a_folder("img_001_SRF_4_HR.png", "img_002_SRF_4_HR.png", "img_003_SRF_4_HR.png")
    lr_folder = a_folder("img_003_SRF_4_LR.png", "img_001_SRF_4_LR.png", "img_002_SRF_4_LR.png", place="lr")
    manifest = manifest_of(Download(use="validation", folder=folder, lr_folder=lr_folder), REAL)
    assert [(i["name"], i["lr"]["path"]) for i in manifest["images"]] == [
        (f"img_00{number}_SRF_4_HR", f"img_00{number}_SRF_4_LR.png") for number in (1, 2, 3)
    ]


def test_a_name_that_is_the_same_goes_before_one_that_its_marks_tell_apart() -> None:
    folder = a_folder("1.png", "1_x4.png")
    lr_folder = a_folder("1.png", "1_x4.png", place="lr")
    manifest = manifest_of(Download(use="validation", folder=folder, lr_folder=lr_folder), REAL)
    assert [(i["name"], i["lr"]["path"]) for i in manifest["images"]] == [("1", "1.png"), ("1_x4", "1_x4.png")]


def test_one_lr_image_is_the_partner_of_one_image() -> None:
    folder = a_folder("1.png", "1_HR.png")
    with pytest.raises(EsrError, match="1_HR has no LR image"):
        manifest_of(Download(use="validation", folder=folder, lr_folder=a_folder("1.png", place="lr")), REAL)


def test_a_grey_file_is_said_to_be_one_and_no_other_is() -> None:
    """Scores ask; colour says nothing of it, so that the bytes of older manifests stay what they were."""
    folder = a_folder("colour.png")
    for mode in ("L", "1", "LA", "I;16"):
        Image.new(mode, (32, 24)).save(f"{folder}/grey-{mode.replace(';', '')}.png")
    Image.new("RGB", (32, 24)).save(f"{folder}/equal-channels.png")
    manifest = manifest_of(Download(use="validation", folder=folder), REAL)
    said = {image["name"]: image["hr"].get("grey") for image in manifest["images"]}
    grey = {"grey-L": True, "grey-1": True, "grey-LA": True, "grey-I16": True}
    assert said == {"colour": None, "equal-channels": None, **grey}


def test_every_image_without_a_partner_is_named() -> None:
    folder = a_folder("1.png", "2.png", "3.png")
    lr_folder = a_folder("1x4.png", "4x4.png", place="lr")
    with pytest.raises(EsrError) as refusal:
        manifest_of(Download(use="training", folder=folder, lr_folder=lr_folder), REAL)
    for complaint in ("2 has no LR image", "3 has no LR image", "4x4.png has no HR image"):
        assert complaint in str(refusal.value)
    assert not Path("data/source/manifest.json").exists()


def test_every_file_that_is_no_image_is_named() -> None:
    folder = a_folder("1.png", "2.png", "3.png")
    Path(folder, "1.png").write_bytes(b"no image")
    Path(folder, "3.png").write_bytes(b"")
    with pytest.raises(EsrError, match=r"2 images cannot be used: .*1\.png.*3\.png"):
        manifest_of(Download(use="training", folder=folder), REAL)
    assert not Path("data/source/manifest.json").exists()


def test_a_wrong_number_of_images_is_told() -> None:
    with pytest.raises(EsrError, match="holds 1 images instead of 800"):
        manifest_of(Download(use="training", folder=a_folder("1.png"), images=800), REAL)


def test_an_empty_folder_and_none_at_all_are_told() -> None:
    Path("empty").mkdir()
    with pytest.raises(EsrError, match="holds no images"):
        manifest_of(Download(use="training", folder="empty"), REAL)
    with pytest.raises(EsrError, match=r"download\.source\.folder: nowhere is not a folder"):
        manifest_of(Download(use="training", folder="nowhere"), REAL)


def test_the_manifest_says_the_same_wherever_the_folder_is() -> None:
    first = manifest_of(Download(use="training", folder=a_folder("1.png", place="here")), REAL)
    second = manifest_of(Download(use="training", folder=a_folder("1.png", place="there")), REAL)
    assert first == second


def test_a_users_folder_is_never_written_to() -> None:
    folder = a_folder("1.png")
    manifest_of(Download(use="training", folder=folder), REAL)
    manifest_of(Download(use="training", folder=folder), STAND_IN)
    assert [path.name for path in Path(folder).iterdir()] == ["1.png"]
    assert "1" not in names(manifest_of(Download(use="training"), STAND_IN))


# Archives

HR_ZIP = zip_bytes({f"train_HR/{i:04}.png": png_bytes(coded_image(i, 24, 32, 4)) for i in range(3)})
LR_ZIP = zip_bytes({f"train_LR/X4/{i:04}x4.png": png_bytes(coded_image(i, 6, 8, 1)) for i in range(3)})


@pytest.fixture
def archives(server: FileServer) -> Download:
    server.files |= {"/hr.zip": HR_ZIP, "/lr.zip": LR_ZIP}
    hr = Archive(url=server.url("/hr.zip"), sha256=hashlib.sha256(HR_ZIP).hexdigest(), bytes=len(HR_ZIP))
    return Download(use="training", images=3, archives=[hr, Archive(url=server.url("/lr.zip"), holds="lr")])


def test_archives_become_pairs(archives: Download) -> None:
    manifest = manifest_of(archives, REAL)
    assert names(manifest) == ["0000", "0001", "0002"]
    assert manifest["stand_in"] is False
    lr = manifest["images"][2]["lr"]
    assert (lr["height"], lr["width"]) == (6, 8)
    assert Path("data/source/lr", lr["path"]).read_bytes() == png_bytes(coded_image(2, 6, 8, 1))


def test_scales_share_what_was_downloaded_and_the_archives_are_not_needed_any_more(
    archives: Download, server: FileServer
) -> None:
    first = manifest_of(archives, REAL, folder="data/pilot")
    for archive in Path("data/archives/source").glob("*.zip"):
        archive.unlink()
    server.requests.clear()
    assert manifest_of(archives, REAL, folder="data/paper") == first
    assert server.requests == []


def test_an_unpublished_checksum_is_recorded_once_and_verified_ever_after(
    archives: Download, server: FileServer, project: Path
) -> None:
    manifest_of(archives, REAL)
    recorded = json.loads(Path("data.lock.json").read_text())
    assert recorded == {server.url("/lr.zip"): {"bytes": len(LR_ZIP), "sha256": hashlib.sha256(LR_ZIP).hexdigest()}}
    server.files["/lr.zip"] = zip_bytes({"other.png": png_bytes(coded_image(9, 6, 8, 1))})
    Path("data/archives").rename("elsewhere")
    with pytest.raises(EsrError, match=r"lr\.zip could not be downloaded: .* instead of"):
        manifest_of(archives, REAL)


def test_nothing_is_recorded_of_what_is_no_archive(server: FileServer) -> None:
    server.files["/hr.zip"] = b"<html>please log in</html>"
    with pytest.raises(EsrError, match="cannot be unpacked"):
        manifest_of(Download(use="training", archives=[Archive(url=server.url("/hr.zip"))]), REAL)
    assert not Path("data.lock.json").exists()


def test_a_damaged_lock_file_is_named(archives: Download) -> None:
    Path("data.lock.json").write_text('{"http": ')
    with pytest.raises(EsrError, match=r"data\.lock\.json"):
        manifest_of(archives, REAL)


def test_archives_may_lie_in_a_folder_of_the_users_choice(archives: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESR_ARCHIVES", "big-disk")
    manifest_of(archives, REAL)
    assert Path("big-disk/source/hr.zip").exists()
    assert not Path("data/archives").exists()


def test_a_new_archive_replaces_the_images_of_the_old_one(archives: Download, server: FileServer) -> None:
    manifest_of(archives, REAL)
    content = zip_bytes({f"{i}.png": png_bytes(coded_image(i, 24, 32, 4)) for i in range(3)})
    server.files["/hr.zip"] = content
    new = Archive(url=server.url("/hr.zip"), sha256=hashlib.sha256(content).hexdigest())
    Path("data/archives/source/hr.zip").unlink()
    assert names(manifest_of(Download(use="training", archives=[new]), REAL)) == ["0", "1", "2"]


# One archive with HR and LR in it: Flickr2K's


def flickr2k(server: FileServer, cuts: int | None = None) -> Download:
    """The row of params.yaml, with an archive of two images that is laid out like the real one."""
    members = {}
    for i in (1, 2):
        members[f"Flickr2K/Flickr2K_HR/{i:06}.png"] = coded_image(i, 24, 32, 4)
        for degraded in ("bicubic", "unknown"):
            for scale in (2, 3, 4):
                place = f"Flickr2K/Flickr2K_LR_{degraded}/X{scale}/{i:06}x{scale}.png"
                members[place] = coded_image(100 * (degraded == "unknown") + i, 24 // scale, 32 // scale, 1)
    server.files["/Flickr2K.tar"] = tar_bytes({name: png_bytes(image) for name, image in members.items()})
    server.faults["/Flickr2K.tar"] = [("cuts", cuts)] if cuts else []
    row = dict(read_yaml(ROOT / "params.yaml")["download"]["flickr2k"])
    archives = [{**archive, "url": server.url("/Flickr2K.tar")} for archive in row["archives"]]
    return Download(**{**row, "images": 2, "archives": archives})


def test_flickr2k_comes_with_its_own_bicubic_lr_images_in_one_download(server: FileServer) -> None:
    manifest = manifest_of(flickr2k(server), REAL)
    assert names(manifest) == ["000001", "000002"]
    for number, image in enumerate(manifest["images"], 1):
        assert image["lr"]["path"].endswith(f"Flickr2K_LR_bicubic/X4/{number:06}x4.png")
        assert Path("data/source/lr", image["lr"]["path"]).read_bytes() == png_bytes(coded_image(number, 6, 8, 1))
    assert server.ranges() == [""]


def test_flickr2k_s_download_goes_on_where_it_was_cut(server: FileServer) -> None:
    row = flickr2k(server, cuts=5000)
    assert len(manifest_of(row, REAL)["images"]) == 2
    assert server.ranges() == ["", "bytes=5000-"]
    assert server.sent == len(server.files["/Flickr2K.tar"])


def test_flickr2k_s_archive_is_not_needed_once_hr_and_lr_are_unpacked(server: FileServer) -> None:
    row = flickr2k(server)
    first = manifest_of(row, REAL, folder="data/pilot")
    Path("data/archives/source/Flickr2K.tar").unlink()
    server.requests.clear()
    assert manifest_of(row, REAL, folder="data/paper") == first
    assert server.requests == []


def test_flickr2k_s_lr_images_can_be_had_of_the_archive_after_hr_was_unpacked(server: FileServer) -> None:
    """As where an earlier run was ended between the two, or took HR alone."""
    row = flickr2k(server)
    hr_alone = row.model_copy(update={"archives": row.archives[:1]})
    assert manifest_of(hr_alone, REAL)["images"][0]["lr"] is None
    assert manifest_of(row, REAL)["images"][0]["lr"] is not None
    assert len(server.requests) == 1


def test_another_archive_than_the_recorded_one_is_refused_for_both(server: FileServer) -> None:
    row = flickr2k(server)
    manifest_of(row, REAL)
    Path("data/archives/source/Flickr2K.tar").write_bytes(b"another")
    shutil.rmtree("data/archives/source/lr")
    with pytest.raises(EsrError, match=r"Flickr2K\.tar has 7 bytes instead of"):
        manifest_of(row, REAL)


def test_an_archive_that_is_named_twice_for_the_same_images_is_refused(server: FileServer) -> None:
    """The second would take the place of the first."""
    url = server.url("/both.tar")
    twice = [Archive(url=url, only="*/HR/*"), Archive(url=url, only="*/X4/*")]
    with pytest.raises(ValidationError, match=r"both\.tar is named twice for hr images; .*holds: lr"):
        Download(use="training", archives=twice)


def test_an_archive_may_be_an_image_by_itself(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESR_ARCHIVES", "")  # as if it were not set
    server.files["/one.png"] = png_bytes(coded_image(1, 24, 32, 4))
    row = Download(use="training", archives=[Archive(url=server.url("/one.png"))])
    assert names(manifest_of(row, REAL)) == ["one"]
    assert Path("data/archives/source/one.png").is_file()


def test_one_archive_may_hold_hr_and_lr(server: FileServer) -> None:
    server.files["/both.tar"] = zip_bytes(
        {"set/HR/1.png": png_bytes(coded_image(1, 24, 32, 4)), "set/LR/X4/1x4.png": png_bytes(coded_image(1, 6, 8, 1))}
    )
    hr = Archive(url=server.url("/both.tar"), only="*/HR/*")
    lr = Archive(url=server.url("/both.tar"), only="*/LR/X4/*", holds="lr")
    manifest = manifest_of(Download(use="training", archives=[hr, lr]), REAL)
    assert manifest["images"][0]["lr"]["width"] == 8
    assert len(server.requests) == 1


def test_images_of_an_archive_that_the_row_does_not_name_any_more_are_gone(
    archives: Download, server: FileServer
) -> None:
    manifest_of(archives, REAL)
    server.files["/other.zip"] = zip_bytes({"other.png": png_bytes(coded_image(9, 24, 32, 4))})
    other = Download(use="training", archives=[Archive(url=server.url("/other.zip"))])
    assert names(manifest_of(other, REAL)) == ["other"]


def test_two_downloads_of_one_source_at_once_fetch_it_once(archives: Download, server: FileServer) -> None:
    threads = [threading.Thread(target=manifest_of, args=(archives, REAL, "source", f"data/{i}")) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path for path, _ in server.requests) == ["/hr.zip", "/lr.zip"]
    assert Path("data/0/source/manifest.json").read_bytes() == Path("data/1/source/manifest.json").read_bytes()


def test_a_folder_that_cannot_be_written_is_one_line() -> None:
    Path("data").write_text("a file, not a folder")
    for rule in (STAND_IN, REAL):
        with pytest.raises(EsrError, match="cannot write data/source"):
            manifest_of(Download(use="training", folder=a_folder("1.png")), rule)


def test_an_optional_source_has_no_images_until_its_folder_is_named() -> None:
    row = Download(use="validation", optional=True, how="ask the organisers")
    empty = manifest_of(row, REAL, "valid")
    assert empty["images"] == []
    assert "ask the organisers" in empty["about"]
    assert manifest_of(row, STAND_IN, "valid")["images"] == []
    named = row.model_copy(update={"folder": a_folder("1.png")})
    assert names(manifest_of(named, REAL, "valid")) == ["1"]


# A clone that pulled the manifest, but not the images beside it


def without_images(row: Download, rule: DataRule = REAL) -> Path:
    """A source's manifest as `dvc pull` leaves it in a clone: alone."""
    manifest_of(row, rule)
    Path("clone/source").mkdir(parents=True)
    return Path(shutil.copy("data/source/manifest.json", "clone/source/manifest.json"))


def lying_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def test_stand_ins_are_brought_back_beside_a_manifest_that_came_without_them() -> None:
    manifest = without_images(Download(use="validation"), STAND_IN)
    before = manifest.read_bytes()
    bring_back(Download(use="validation"), STAND_IN, "source", manifest)
    assert lying_in(Path("clone/source/hr")) == lying_in(Path("data/source/hr"))
    assert manifest.read_bytes() == before


def test_the_images_of_a_folder_are_brought_back() -> None:
    row = Download(use="training", folder=a_folder("1.png"), lr_folder=a_folder("1x4.png", place="lr"))
    manifest = without_images(row)
    bring_back(row, REAL, "source", manifest)
    assert [Path("clone/source/hr").resolve(), Path("clone/source/lr").resolve()] == [
        Path("mine").resolve(),
        Path("lr").resolve(),
    ]


def test_the_images_of_archives_are_brought_back(archives: Download) -> None:
    manifest = without_images(archives)
    shutil.rmtree("data/archives")
    bring_back(archives, REAL, "source", manifest)
    assert Path("clone/source/lr/lr.zip/train_LR/X4/0002x4.png").read_bytes() == png_bytes(coded_image(2, 6, 8, 1))


def test_what_is_there_already_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Download(use="training", folder=a_folder("1.png"))
    manifest_of(row, REAL)
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("a file was hashed"))
    bring_back(row, REAL, "source", Path("data/source/manifest.json"))


def test_a_single_image_that_is_gone_is_brought_back() -> None:
    manifest_of(Download(use="validation"), STAND_IN)
    Path("data/source/hr/coffee.png").unlink()
    bring_back(Download(use="validation"), STAND_IN, "source", Path("data/source/manifest.json"))
    assert len(list(Path("data/source/hr").iterdir())) == 2


def test_other_images_than_the_manifest_lists_are_all_named_with_the_remedy() -> None:
    row = Download(use="training", folder=a_folder("1.png", "2.png", "3.png"))
    manifest = without_images(row)
    before = manifest.read_bytes()
    Path("mine/1.png").unlink()
    write_image(Path("mine/2.png"), coded_image(9, 24, 32, 4))
    write_image(Path("mine/4.png"), coded_image(9, 24, 32, 4))
    with pytest.raises(EsrError) as refusal:
        bring_back(row, REAL, "source", manifest)
    for part in (
        "source: ",
        "hr/1.png is missing",
        "hr/2.png has changed",
        "hr/4.png is not in",
        "`esr download source`",
    ):
        assert part in str(refusal.value)
    assert "hr/3.png" not in str(refusal.value)
    assert manifest.read_bytes() == before


def test_a_source_that_has_no_images_here_needs_none() -> None:
    row = Download(use="training", folder="nowhere")
    rule = DataRule(stand_in=False, only_source="div2k")
    manifest = without_images(row, rule)
    bring_back(row, rule, "source", manifest)
    assert [path.name for path in Path("clone/source").iterdir()] == ["manifest.json"]


def test_images_that_cannot_be_had_are_told() -> None:
    row = Download(use="training", folder=a_folder("1.png"), how="ask for it")
    manifest = without_images(row)
    with pytest.raises(EsrError, match=r"download\.source.*ask for it"):
        bring_back(Download(use="training", how="ask for it"), REAL, "source", manifest)


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_what_was_unpacked_is_unpacked_again_where_a_file_of_it_is_gone_or_has_changed(
    archives: Download, harm: str
) -> None:
    first = manifest_of(archives, REAL)
    image = Path("data/archives/source/hr/hr.zip/train_HR/0001.png")
    if harm == "gone":
        image.unlink()
    else:
        image.write_bytes(image.read_bytes()[:-60])
    assert manifest_of(archives, REAL) == first
