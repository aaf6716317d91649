"""Of what this person may read and send, a stranger's row and a stranger's folder get at nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esr.common.errors import EsrError
from esr.recipes.rows import Archive, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from esr.sources.fetch import fetch
from tests.data.file_server import FileServer

REAL = DataRule(stand_in=False, only_source=None)


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "ESR_TOKENS", "HOME", "PATH"])
def test_a_row_s_token_is_one_that_was_meant_for_esr(
    name: str, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "secret")
    server.files["/set.zip"] = b"anything"
    with pytest.raises(EsrError, match=rf"asks for the environment variable {name}.*ESR_TOKEN_"):
        fetch(Archive(url=server.url("/set.zip"), token=name), tmp_path)
    assert server.requests == []


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://localhost/passwd", "data:,passwd"])
def test_an_address_is_of_the_web(address: str, tmp_path: Path) -> None:
    with pytest.raises(EsrError):
        fetch(Archive(url=address), tmp_path, wait=lambda seconds: None)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_link_in_a_data_folder_to_what_is_no_image(tmp_path: Path) -> None:
    """It is named as no image, and nothing of what it holds is told."""
    secret, folder = tmp_path / "id_rsa", tmp_path / "mine"
    secret.write_text("the secret")
    folder.mkdir()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(folder / "a.png")
    (folder / "b.png").symlink_to(secret)
    with pytest.raises(EsrError, match=r"b\.png is no image") as refused:
        download(Download(use="training", folder=str(folder)), REAL, "photos", tmp_path / "data/manifest.json")
    assert "the secret" not in str(refused.value)
    assert not (tmp_path / "data/manifest.json").exists()
