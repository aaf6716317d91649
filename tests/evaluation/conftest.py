"""The command line in a folder of its own."""

from pathlib import Path

import pytest

from tests.conftest import Call


@pytest.fixture
def call(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """The same as everywhere, in the test's own folder and on a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return call
