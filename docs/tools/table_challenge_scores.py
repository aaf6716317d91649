"""docs/challenge.md's table of a year's best, by means and read fairly: benchmarks/challenge_tables.py's record."""

from typing import Any

from recorded import newest_results

BEST = 6


def challenge_scores(year: int, baseline: str) -> str:
    """Markdown: the best by the organisers' score and the year's baseline, whose name is in the heads."""
    heads = ["team", "score", "place", f"means / {baseline}'s", f"median image / {baseline}'s", "read fairly", "place"]
    lines = [_row(heads), f"|---|{'---:|' * (len(heads) - 1)}"]
    teams = newest_results("challenge-tables")[str(year)]["teams"]
    for team in sorted(teams, key=lambda team: float(team["score"])):
        is_baseline = team["team"].startswith("00_")
        if is_baseline or (team["rank"] and team["rank"] <= BEST):
            lines.append(_row([team["team"] + " (baseline)" * is_baseline, *_cells(team)]))
    return "\n".join(lines) + "\n"


def _cells(team: dict[str, Any]) -> list[str]:
    scores = [(f"{team[f'{how}score']:.3f}", str(team[f"{how}rank"] or "")) for how in ("", "fair_")]
    ratios = [f"{team['ratio_of_means']:.3f}", f"{team['ratio']['value']:.3f}"]
    return [*scores[0], *ratios, *scores[1]]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
