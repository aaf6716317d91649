"""What ``esr challenge`` prints: the official table, a fair reading of it, and why they differ; or all as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.challenge import team_table
from esr.challenge.checkout import Checkout
from esr.challenge.formulas import FORMULAS, MET
from esr.challenge.remarks import Remark
from esr.challenge.standing import TeamStanding
from esr.common.errors import printable
from esr.common.finite import finite_or_none

WIDEST = 200  # characters
UNKNOWN = "\N{EN DASH}"


def print_challenge(checkout: Checkout, teams: Sequence[TeamStanding], why: Sequence[Remark], as_json: bool) -> None:
    """Print on standard output: as JSON and nothing else, or as two tables and a line for every disagreement."""
    if as_json:
        print(json.dumps(as_data(checkout, teams, why), indent=2))
        return
    console = Console(highlight=False)
    official, fair = _official(teams), _fair(teams)
    if not console.is_terminal:  # a file or a pipe is as wide as the tables are
        widest = console.options.update(max_width=WIDEST)
        console.width = max(console.measure(table, options=widest).maximum for table in (official, fair))
    console.print(f"NTIRE {checkout.year}, recomputed from {checkout.source}. {_rule(checkout.year)}", soft_wrap=True)
    console.print(official)
    console.print("Read fairly: the median of each image's time over the baseline's, FLOPs as esr counts them.")
    console.print(fair)
    for remark in why:
        console.print(f"{_name(remark.team)} ({remark.why}): {escape(printable(remark.text))}", soft_wrap=True)


def as_data(checkout: Checkout, teams: Sequence[TeamStanding], why: Sequence[Remark]) -> dict[str, Any]:
    """``{"year", "source", "baseline", "teams": [...], "remarks": [...]}``; an unknown or infinite number is null."""
    return {
        "year": checkout.year,
        "source": checkout.source,
        "baseline": checkout.baseline.team.strip(),
        "teams": [_team(team) for team in teams],
        "remarks": [vars(remark) for remark in why],
    }


def _team(team: TeamStanding) -> dict[str, Any]:
    return {
        "team": team.team,
        "official": {column: team_table.as_printed(column, value) for column, value in team.values.items()},
        "asked": dict(team.verdicts),
        "score": finite_or_none(team.score),
        "rank": team.rank,
        "ratio_of_means": team.ratio_of_means,
        "ratio": vars(team.ratio) if team.ratio else None,
        "own_flops_g": team.own_flops,
        "fair_score": finite_or_none(team.fair_score),
        "fair_rank": team.fair_rank,
    }


def _rule(year: int) -> str:
    formula = FORMULAS.get(year)
    if formula is None:
        return "No rule was printed: scores are sums of ranks, as in 2022."
    weights = formula.weights
    return (
        f"Score: {weights.runtime:g} of run time, {weights.flops:g} of FLOPs, {weights.parameters:g} of parameters, "
        f"each exp(2 x) over {formula.baseline}'s."
    )


def _official(teams: Sequence[TeamStanding]) -> Table:
    heads = [column.replace(" ", "\n", 1) for column in team_table.DECIMALS]
    table = _table("rank", *heads, "score")
    for team in sorted(teams, key=lambda each: _place(each.rank)):
        cells = [
            team_table.as_printed(column, team.values[column]) if column in team.values else UNKNOWN
            for column in team_table.DECIMALS
        ]
        table.add_row(_name(team.team), _whole(team.rank), *cells, _score(team.score))
    return table


def _fair(teams: Sequence[TeamStanding]) -> Table:
    table = _table("rank", "officially", "asked for", "means\nratio", "median\nratio", "95 %", "FLOPs\nby esr", "score")
    for team in sorted(teams, key=lambda each: _place(each.fair_rank)):
        ratio = team.ratio
        table.add_row(
            _name(team.team),
            _whole(team.fair_rank),
            _whole(team.rank),
            _asked(team),
            f"{team.ratio_of_means:.3f}" if team.ratio_of_means else UNKNOWN,
            f"{ratio.value:.3f}" if ratio else UNKNOWN,
            f"{ratio.low:.3f} to {ratio.high:.3f}" if ratio else UNKNOWN,
            f"{team.own_flops:.2f}" if team.own_flops else UNKNOWN,
            _score(team.fair_score),
        )
    return table


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("team", overflow="fold")
    for head in heads:
        table.add_column(head, justify="right")
    return table


def _asked(team: TeamStanding) -> str:
    """The verdict on both sets; the one that is not ``met``, if one is not."""
    verdicts = sorted(set(team.verdicts.values()), key=lambda verdict: (verdict == MET, verdict != "not met"))
    return verdicts[0] if verdicts else UNKNOWN


def _place(rank: int | None) -> float:
    return float("inf") if rank is None else rank


def _whole(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def _score(value: float | None) -> str:
    """Three decimals; of a slow network its size alone."""
    if value is None:
        return UNKNOWN
    return f"{value:.3f}" if value < 1e6 else f"{value:.2e}"


def _name(team: str) -> str:
    return escape(printable(team))
