"""A row of ``import`` with an address: the released file is downloaded once, verified and kept."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from esr.common.errors import EsrError
from esr.common.files import read_json
from esr.recipes.rows import Import
from esr.sources import fetch
from esr.weights.import_stage import import_row
from esr.weights.weights_file import load_network
from tests.data.file_server import FileServer
from tests.release.made_checkpoints import made_checkpoint

RELEASED = "team21_slimrlfn.pth"
OUT = Path("weights.safetensors")
KEPT = Path("data/archives/checkpoints/mine", RELEASED)


def checkpoint(name: str = RELEASED) -> bytes:
    """A made checkpoint with the released names, as a file."""
    file = io.BytesIO()
    torch.save(made_checkpoint(name), file)
    return file.getvalue()


@pytest.fixture
def released(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """A server that has the file, and an empty folder to be in; nobody waits between two tries."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ESR_ARCHIVES", raising=False)
    monkeypatch.setattr(fetch.fetch, "__defaults__", (None, lambda seconds: None))
    server.files[f"/{RELEASED}"] = checkpoint()
    return server


def row(server: FileServer, **columns: Any) -> Import:
    """The row of the file on the server."""
    address = {"url": server.url(f"/{RELEASED}"), **columns}
    return Import(entry="slimrlfn", network="esr/networks/slimrlfn.py", **address)


def known(content: bytes) -> dict[str, Any]:
    """What a row says of a file's bytes."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_it_is_downloaded_imported_and_kept(released: FileServer) -> None:
    content = released.files[f"/{RELEASED}"]
    import_row(row(released, **known(content)), "mine", OUT)
    network, info = load_network(OUT)
    torch.testing.assert_close(network.state_dict()["head.weight"], made_checkpoint(RELEASED)["conv_1.weight"])
    assert info.origin == f"released checkpoint {RELEASED}"
    assert KEPT.read_bytes() == content


def test_a_second_import_downloads_nothing(released: FileServer) -> None:
    import_row(row(released), "mine", OUT)
    OUT.unlink()
    import_row(row(released), "mine", OUT)
    assert OUT.exists()
    assert len(released.requests) == 1


def test_a_cut_download_goes_on_where_it_stopped(released: FileServer) -> None:
    released.faults[f"/{RELEASED}"] = [("cuts", 1000)]
    import_row(row(released, **known(released.files[f"/{RELEASED}"])), "mine", OUT)
    assert released.ranges() == ["", "bytes=1000-"]
    assert OUT.exists()


def test_a_mirror_is_asked_where_the_address_fails(released: FileServer) -> None:
    import_row(
        row(released, url=released.url(f"/gone/{RELEASED}"), mirrors=[released.url(f"/{RELEASED}")]), "mine", OUT
    )
    assert KEPT.is_file()


def test_the_folder_of_archives_can_be_elsewhere(released: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESR_ARCHIVES", "big-disk")
    import_row(row(released), "mine", OUT)
    assert Path("big-disk/checkpoints/mine", RELEASED).is_file()


def test_wrong_bytes_are_one_line_and_leave_nothing(released: FileServer) -> None:
    promised = known(released.files[f"/{RELEASED}"])
    released.files[f"/{RELEASED}"] = checkpoint("team21_slimrlfn_prune.pth")
    with pytest.raises(EsrError, match=rf"^{RELEASED} could not be downloaded: .*instead of") as refused:
        import_row(row(released, **promised), "mine", OUT)
    assert "\n" not in str(refused.value)
    assert not OUT.exists()
    assert not KEPT.exists()


def test_without_a_network_it_is_one_line_with_the_place_to_put_it(released: FileServer) -> None:
    address = f"http://127.0.0.1:1/{RELEASED}"
    with pytest.raises(EsrError, match=rf"{RELEASED} could not be downloaded.*or put it at {KEPT} by hand") as refused:
        import_row(row(released, url=address), "mine", OUT)
    assert "\n" not in str(refused.value)
    KEPT.write_bytes(checkpoint())
    import_row(row(released, url=address), "mine", OUT)
    assert OUT.exists()


def test_a_checksum_that_nobody_published_is_recorded_and_verified_ever_after(released: FileServer) -> None:
    content = released.files[f"/{RELEASED}"]
    import_row(row(released), "mine", OUT)
    assert read_json(Path("data.lock.json")) == {released.url(f"/{RELEASED}"): known(content)}
    KEPT.write_bytes(content[:-1])
    with pytest.raises(EsrError, match=rf"{KEPT} has .* bytes instead of .*; delete it to download it again"):
        import_row(row(released), "mine", OUT)


def test_a_file_that_is_no_checkpoint_of_the_network_is_not_recorded(released: FileServer) -> None:
    released.files[f"/{RELEASED}"] = b"<html>sign in first</html>"
    with pytest.raises(EsrError, match="cut short or no checkpoint"):
        import_row(row(released), "mine", OUT)
    assert not Path("data.lock.json").exists()


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({}, "give either url or checkpoint"),
        ({"url": "http://127.0.0.1/x.pth", "checkpoint": "checkpoints/x.pth"}, "give either url or checkpoint"),
        ({"checkpoint": "checkpoints/x.pth", "bytes": 5}, "bytes: belongs to a url"),
    ],
)
def test_a_row_says_one_place(columns: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Import(entry="slimrlfn", network="esr/networks/slimrlfn.py", **columns)
