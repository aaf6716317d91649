"""The command line on a narrow terminal."""

import pytest

from tests.conftest import Call


@pytest.fixture
def call(call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The same as everywhere."""
    monkeypatch.setenv("COLUMNS", "80")
    return call
