"""A folder with the files of an organisers' repository: what it says about a year, its teams and its loader."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.challenge.formulas import FORMULAS
from esr.challenge.rank_sums import YEAR
from esr.challenge.run_log import NAMES, read_log
from esr.challenge.select_model import FILE, Loaded, read_loader
from esr.challenge.team_table import read_table
from esr.common.errors import EsrError
from esr.evaluation.organisers import TeamResults, read_teams

RESULTS, TABLE = "results.json", "results.txt"
_SAID = {FILE: re.compile(r"NTIRE(20\d\d)-EfficientSR"), "README.md": re.compile(r"NTIRE (20\d\d) Challenge")}
"""How a file says the year."""


@dataclass(frozen=True)
class Checkout:
    """What is read of the folder.

    Attributes:
        year: of the challenge.
        source: the name of the file that the teams' results are from: results.json, or the log.
        teams: their results, by the name that they bear there.
        printed: the cells of results.txt, by team and column; empty where there is none.
        runs: what the log holds, in order; a team may have several.
        loader: the loader's branches.
    """

    year: int
    source: str
    teams: Mapping[str, TeamResults]
    printed: Mapping[str, Mapping[str, str]]
    runs: Sequence[TeamResults]
    loader: Sequence[Loaded]

    @property
    def baseline(self) -> TeamResults:
        """The year's baseline: the network with number 0."""
        return next(team for team in self.teams.values() if _is_baseline(team.team))


def read_checkout(folder: Path, year: int | None = None) -> Checkout:
    """Read what is there of results.json, results.txt, the log and the loader.

    Args:
        folder: a work tree of the organisers' repository, or any folder with these files.
        year: of the challenge; else what test_demo.py or README.md says.

    Raises:
        EsrError: the folder has no results or none of a baseline, one of its files is broken, or the year is unknown.
    """
    if not folder.is_dir():
        raise EsrError(f"{folder} is no folder; name a checkout of the organisers' repository")
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        raise EsrError(f"{folder} is a bare git repository; check it out: git clone {folder} CHECKOUT")
    year = year_of(folder) if year is None else year
    if year not in {*FORMULAS, YEAR}:
        known = ", ".join(map(str, sorted({*FORMULAS, YEAR})))
        raise EsrError(f"{folder}: the scoring of {year} is not known here; there are: {known}")
    runs = [run for path in sorted(folder.glob(NAMES)) for run in read_log(path)]
    results = folder / RESULTS
    if results.exists():
        source, teams = RESULTS, read_teams(results)
    elif runs:
        source, teams = "its log", {run.team: run for run in runs}  # of several runs the last, as in a results.json
    else:
        raise EsrError(
            f"{folder} has neither {RESULTS} nor a log with a finished run ({NAMES}); name a checkout of 2024, 2025 or "
            "2026: the repository of 2023 was released without results"
        )
    if not any(map(_is_baseline, teams)):
        raise EsrError(f"{folder}: no team of {source} has the number 0, as the year's baseline has; fetch it again")
    table = folder / TABLE
    return Checkout(year, source, teams, read_table(table) if table.exists() else {}, runs, read_loader(folder))


def year_of(folder: Path) -> int:
    """The year that its files say.

    Raises:
        EsrError: none does.
    """
    for name, pattern in _SAID.items():
        try:
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if found := pattern.search(text):
            return int(found[1])
    raise EsrError(f"neither {FILE} nor README.md in {folder} says a year; give it by --year")


def _is_baseline(team: str) -> bool:
    return re.match(r"\s*0+_", team) is not None
