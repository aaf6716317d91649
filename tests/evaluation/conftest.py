"""The command line in a folder of its own; and what is timed is timed on one core."""

import os
from pathlib import Path

import pytest

from tests.conftest import Call


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run side by side: a thread on each core would mostly wait for one that has no core."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})


@pytest.fixture
def call(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """The same as everywhere, in the test's own folder and on a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return call
