"""Set5, Set14, BSD100 and Urban100: four sources out of one archive, whose images are verified and not its bytes."""

import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.rows import Archive, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from tests.data.file_server import FileServer
from tests.small_images import coded_image, png_bytes, zip_bytes

ROWS = read_yaml(Path(__file__).resolve().parents[2] / "params.yaml")["download"]
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}
PILOT = DataRule(stand_in=False, only_source="div2k")
TOP = "SelfExSR-8f6dd8c"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def members(blue: int = 0) -> dict[str, bytes]:
    """An archive's members, laid out as the repository is, with two images a set; ``blue`` makes others of them."""
    content = {f"{TOP}/README.md": b"text"}
    for number, name in enumerate(SETS.values()):
        for image in (1, 2):
            for scale in (2, 4):
                place = f"{TOP}/data/{name}/image_SRF_{scale}/img_00{image}_SRF_{scale}"
                code = 10 * number + image + blue
                content[f"{place}_HR.png"] = png_bytes(coded_image(code, 24, 32, 4))
                content[f"{place}_LR.png"] = png_bytes(coded_image(code, 24 // scale, 32 // scale, 4 // scale))
                content[f"{place}_bicubic.png"] = png_bytes(coded_image(code + 99, 24, 32, 4))
    return content


def listed(name: str, kind: str) -> str:
    """The checksum of a set's images by coreutils: of the list that sha256sum prints of them."""
    folder = Path("listed", name, kind)
    for path, content in members().items():
        if path.startswith(f"{TOP}/data/{name}/image_SRF_4/") and path.endswith(f"_{kind}.png"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    command = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=True).stdout.split()[0]


@pytest.fixture
def rows(server: FileServer) -> dict[str, Download]:
    """The rows of params.yaml, for two images a set and the server's archive."""
    server.files["/commit.zip"] = zip_bytes(members())
    made = {}
    for key, name in SETS.items():
        archives = [
            {**archive, "url": server.url("/commit.zip"), "images_sha256": listed(name, kind)}
            for archive, kind in zip(ROWS[key]["archives"], ("HR", "LR"), strict=True)
        ]
        made[key] = Download(**{**ROWS[key], "images": 2, "archives": archives})
    return made


def fetched(row: Download, key: str) -> list[tuple[str, str, bytes]]:
    """Name, LR path and HR bytes of every image."""
    manifest = Path("data/pilot", key, "manifest.json")
    download(row, PILOT, key, manifest)
    images = json.loads(manifest.read_text())["images"]
    return [
        (i["name"], Path(i["lr"]["path"]).name, (manifest.parent / "hr" / i["hr"]["path"]).read_bytes()) for i in images
    ]


def test_each_set_has_its_own_pairs_and_the_archive_is_downloaded_once(
    rows: dict[str, Download], server: FileServer
) -> None:
    """All four at once, as a driver starts them."""
    found = {}

    def have(key: str) -> None:
        found[key] = fetched(rows[key], key)

    threads = [threading.Thread(target=have, args=(key,)) for key in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, key in enumerate(SETS):
        assert found[key] == [
            (
                f"img_00{image}_SRF_4_HR",
                f"img_00{image}_SRF_4_LR.png",
                png_bytes(coded_image(10 * number + image, 24, 32, 4)),
            )
            for image in (1, 2)
        ]
    assert len(server.requests) == 1


def test_an_archive_that_was_packed_anew_is_taken_for_its_images(rows: dict[str, Download], server: FileServer) -> None:
    """Git's archives have other bytes when GitHub's packer changes; nothing of those is recorded, either."""
    first = fetched(rows["set5"], "set5")
    shutil.rmtree("data/archives")
    server.files["/commit.zip"] = zip_bytes(dict(reversed(members().items())))
    assert fetched(rows["set5"], "set5") == first
    assert not Path("data.lock.json").exists()


def test_what_was_unpacked_needs_no_archive_any_more(rows: dict[str, Download], server: FileServer) -> None:
    first = fetched(rows["set5"], "set5")
    Path("data/archives/selfexsr/commit.zip").unlink()
    server.requests.clear()
    assert fetched(rows["set5"], "set5") == first
    assert server.requests == []


def test_other_images_are_refused_and_not_kept(rows: dict[str, Download], server: FileServer) -> None:
    server.files["/commit.zip"] = zip_bytes(members(blue=100))
    for _ in range(2):
        with pytest.raises(
            EsrError, match=r"commit\.zip: its images .*Set5.*_HR\.png have .* instead of .*; delete it"
        ):
            fetched(rows["set5"], "set5")
    assert not Path("data/pilot/set5/manifest.json").exists()
    server.files["/commit.zip"] = zip_bytes(members())
    Path("data/archives/selfexsr/commit.zip").unlink()
    assert len(fetched(rows["set5"], "set5")) == 2


def test_a_row_verifies_the_archive_or_its_images(rows: dict[str, Download]) -> None:
    with pytest.raises(ValidationError, match="images_sha256 is for an archive whose own bytes vary"):
        Archive(url="https://x.org/a.zip", images_sha256="0" * 64, bytes=3)


@pytest.mark.parametrize("key", [*SETS, "manga109"])
def test_at_demo_nothing_is_downloaded_and_nothing_stands_in(key: str) -> None:
    manifest = Path("data/demo", key, "manifest.json")
    download(Download(**ROWS[key]), DataRule(stand_in=True, only_source=None), key, manifest)
    content = json.loads(manifest.read_text())
    assert (content["images"], content["stand_in"]) == ([], False)


def test_manga109_is_a_folder_and_until_it_is_named_it_is_left_out() -> None:
    row = Download(**ROWS["manga109"])
    manifest = Path("data/pilot/manga109/manifest.json")
    download(row, PILOT, "manga109", manifest)
    content = json.loads(manifest.read_text())
    assert content["images"] == []
    assert "accept the licence" in content["about"]
