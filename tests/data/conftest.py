"""Fixtures of the data room."""

from collections.abc import Iterator

import pytest

from tests.data.file_server import FileServer

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    file_server = FileServer()
    yield file_server
    file_server.close()
