"""Where each team stands: by the organisers' table, and by a fair reading of the same files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from esr.challenge import team_table
from esr.challenge.checkout import Checkout
from esr.challenge.formulas import FORMULAS, NOT_MET, Cost, against
from esr.challenge.known_networks import own_flops
from esr.challenge.rank_sums import YEAR, rank_sums
from esr.evaluation.organisers import TeamResults
from esr.timing.interval import Interval, median_interval

ASKED_2023 = 29.00  # dB on DIV2K's validation images; an assumption, as the rest of that year's rule
RANKED_2023 = (team_table.TIME, team_table.PARAMETERS, team_table.FLOPS, team_table.ACTIVATIONS, team_table.MEMORY)


@dataclass(frozen=True)
class TeamStanding:
    """A team's line.

    Attributes:
        results: what the organisers' files hold of it.
        values: their table's numbers in full precision, by column.
        verdicts: whether the PSNR on ``valid`` and ``test`` is what the year asked for.
        ratio_of_means: mean run time over the baseline's, which is what the official score takes.
        ratio: the median, over the images, of the run time over the baseline's for the same image.
        own_flops: 10^9, as esr counts them; None where it does not have the network.
        score: the official one, lower being better; None where a number is missing.
        fair_score: the same of ``ratio``, and of esr's own count where there is one.
        rank: the place among those who meet what was asked, when rounded; None for the baseline.
        fair_rank: the same by ``fair_score``.
    """

    results: TeamResults
    values: Mapping[str, float]
    verdicts: Mapping[str, str]
    ratio_of_means: float | None
    ratio: Interval | None
    own_flops: float | None
    score: float | None = None
    fair_score: float | None = None
    rank: int | None = None
    fair_rank: int | None = None

    @property
    def team(self) -> str:
        """Its name; one of 2026 has blanks before it."""
        return self.results.team.strip()


def image_ratios(team: TeamResults, baseline: TeamResults) -> list[float]:
    """Run time over the baseline's for every image that both were timed on: of the validation set, then of the test."""
    sets = ((team.valid_runtime, baseline.valid_runtime), (team.test_runtime, baseline.test_runtime))
    return [
        own / beside
        for times, besides in sets
        if len(times) == len(besides)
        for own, beside in zip(times, besides, strict=True)
    ]


def standings_of(checkout: Checkout) -> list[TeamStanding]:
    """Every team, in the order of the organisers' table."""
    found = [_measured(checkout, team) for team in checkout.teams.values()]
    official = _scores(checkout, found, fair=False)
    fair = _scores(checkout, found, fair=True)
    places = [_ranks(checkout, found, scores) for scores in (official, fair)]
    return [
        replace(each, score=score, fair_score=fair_score, rank=rank, fair_rank=fair_rank)
        for each, score, fair_score, rank, fair_rank in zip(found, official, fair, *places, strict=True)
    ]


def _measured(checkout: Checkout, team: TeamResults) -> TeamStanding:
    values, beside = team_table.values(team), team_table.values(checkout.baseline)
    times = values.get(team_table.TIME), beside.get(team_table.TIME)
    ratios = image_ratios(team, checkout.baseline)
    return TeamStanding(
        results=team,
        values=values,
        verdicts=_verdicts(checkout.year, values),
        ratio_of_means=times[0] / times[1] if times[0] and times[1] else None,
        ratio=median_interval(ratios) if len(ratios) > 1 else None,
        own_flops=own_flops(team),
    )


def _verdicts(year: int, values: Mapping[str, float]) -> dict[str, str]:
    formula = FORMULAS.get(year)
    asked = (
        {team_table.VALID_PSNR: formula.asked_valid, team_table.TEST_PSNR: formula.asked_test}
        if formula
        else {team_table.VALID_PSNR: ASKED_2023}
    )
    return {column: against(values[column], least) for column, least in asked.items() if column in values}


def _scores(checkout: Checkout, teams: Sequence[TeamStanding], fair: bool) -> list[float | None]:
    if checkout.year == YEAR:
        return _rank_sums(teams, fair)
    baseline = _cost(next(each for each in teams if each.results is checkout.baseline), fair)
    costs = [_cost(each, fair) for each in teams]
    formula = FORMULAS[checkout.year]
    return [formula.final(cost.over(baseline)) if cost and baseline else None for cost in costs]


def _cost(team: TeamStanding, fair: bool) -> Cost | None:
    """What the year's formula weighs; a fair run time is in units of the baseline's."""
    runtime = (team.ratio.value if team.ratio else None) if fair else team.values.get(team_table.TIME)
    flops = (team.own_flops if fair else None) or team.values.get(team_table.FLOPS)
    parameters = team.values.get(team_table.PARAMETERS)
    if runtime is None or flops is None or parameters is None:
        return None
    return Cost(runtime, flops, parameters)


def _rank_sums(teams: Sequence[TeamStanding], fair: bool) -> list[float | None]:
    rows = [[each.values.get(column) for column in RANKED_2023] for each in teams]
    if fair:
        rows = [[each.ratio.value if each.ratio else None, *row[1:]] for each, row in zip(teams, rows, strict=True)]
    known = [[value for value in row if value is not None] for row in rows]
    if any(len(row) < len(RANKED_2023) for row in known):
        return [None] * len(teams)
    return [float(value) for value in rank_sums(known)]


def _ranks(checkout: Checkout, teams: Sequence[TeamStanding], scores: Sequence[float | None]) -> list[int | None]:
    ranked = [
        score if each.results is not checkout.baseline and NOT_MET not in each.verdicts.values() else None
        for each, score in zip(teams, scores, strict=True)
    ]
    rivals = [score for score in ranked if score is not None]
    return [None if score is None else 1 + sum(other < score for other in rivals) for score in ranked]
