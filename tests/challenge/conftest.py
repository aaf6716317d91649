"""The command line on a narrow terminal; and every network is counted once."""

from functools import cache

import pytest

from esr.challenge import standing
from esr.challenge.known_networks import own_flops
from esr.evaluation.organisers import TeamResults
from tests.conftest import Call


@cache
def _counted(team: str, parameters: float | None) -> float | None:
    return own_flops(TeamResults(team=team, num_parameters=parameters))


@pytest.fixture(autouse=True)
def _counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting a network takes half a second, and the same dozen are counted again and again."""
    monkeypatch.setattr(standing, "own_flops", lambda team: _counted(team.team, team.num_parameters))


@pytest.fixture
def call(call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The same as everywhere."""
    monkeypatch.setenv("COLUMNS", "80")
    return call
