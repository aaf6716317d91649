"""Fixtures of the report."""

from pathlib import Path

import pytest

from tests.report.made_board import Board, made_board


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return made_board(tmp_path)


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the made board as it is, rendered once."""
    return made_board(tmp_path_factory.mktemp("board")).write()[2]
