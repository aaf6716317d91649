"""Fixtures of the report."""

from pathlib import Path

import pytest

from tests.report.made_board import Board, made_board


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return made_board(tmp_path)
