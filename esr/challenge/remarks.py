"""Where the organisers' files disagree with themselves, with esr's counts or with a fair reading, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles

from esr.challenge import team_table
from esr.challenge.checkout import TABLE, Checkout
from esr.challenge.formulas import FORMULAS, MET_ROUNDED, Cost
from esr.challenge.select_model import Loaded
from esr.challenge.standing import TeamStanding, image_ratios
from esr.evaluation.organisers import TeamResults

COLD = 2.0
"""A first image that takes so many times the median one's time is called cold."""
APART = 0.02
"""Two ratios of run time that differ by this part of one of them are worth a line."""
EACH_WEIGHT_ONCE = 256 * 256
"""Multiply-accumulates of a weight that is used once for every pixel of an LR image of 256 x 256."""
FEW = 0.8
"""The share of that below which the counter is asked what it missed: 0.93 to 1.2 is usual."""


@dataclass(frozen=True)
class Remark:
    """A disagreement: whose, its reason in a word or two, and a sentence."""

    team: str
    why: str
    text: str


def remarks(checkout: Checkout, teams: Sequence[TeamStanding]) -> list[Remark]:
    """All of them, team by team: first on the whole table, last on networks of the loader without results."""
    return [
        *_about_the_table(checkout),
        *_about_the_baseline(checkout),
        *_about_teams(checkout, teams),
        *_about_others(checkout),
    ]


def _about_the_table(checkout: Checkout) -> Iterator[Remark]:
    if not checkout.printed:
        return
    names = {name.strip() for name in checkout.teams}
    for name in sorted(names ^ checkout.printed.keys()):
        where, other = (checkout.source, TABLE) if name in names else (TABLE, checkout.source)
        yield Remark(name, "files", f"it is in {where}, and not in {other}")


def _about_the_baseline(checkout: Checkout) -> Iterator[Remark]:
    """The run time that the README prints as the mean of five runs."""
    formula = FORMULAS.get(checkout.year)
    runs = [run for run in checkout.runs if formula and formula.baseline in run.team] or [checkout.baseline]
    times = [time for run in runs if (time := team_table.values(run).get(team_table.TIME))]
    if formula is None or not times:
        return
    printed = f"{formula.printed.runtime:.2f}"
    of_it = [number for number, time in enumerate(times, 1) if f"{time:.2f}" == printed]
    runs_here = f"the {len(times)} runs in the log, {min(times):.2f} to {max(times):.2f} ms"
    said = f"the README's {printed} ms are said to be the mean of five runs; "
    if len(times) == 1:
        one = f"the one run in {checkout.source}"
        said += f"they are those of {one}" if of_it else f"{one} has {times[0]:.2f} ms"
    elif of_it:
        last_five = f"the mean of the last five is {fmean(times[-5:]):.2f}"
        said += f"they are those of run {of_it[-1]} alone, of {runs_here}; {last_five}"
    else:
        said += f"none of {runs_here}, has them"
    yield Remark(checkout.baseline.team.strip(), "runs", said)


def _about_teams(checkout: Checkout, teams: Sequence[TeamStanding]) -> Iterator[Remark]:
    loader = {branch.name.strip(): branch for branch in checkout.loader}
    for team in teams:
        branch = loader.get(team.team)
        yield from _cells(team, checkout.printed.get(team.team, {}))
        yield from _means(team.results)
        yield from _thresholds(team)
        yield from _cold_start(team.results)
        if branch:
            yield from _warm_ups(branch)
        yield from _ratios(team, checkout.baseline)
        yield from _operations(team, branch, checkout)


def _about_others(checkout: Checkout) -> Iterator[Remark]:
    """Warm-ups of networks that the loader has and the results do not."""
    names = {name.strip() for name in checkout.teams}
    for branch in checkout.loader:
        if branch.name.strip() not in names:
            yield from _warm_ups(branch)


def _cells(team: TeamStanding, printed: Mapping[str, str]) -> Iterator[Remark]:
    """Cells of results.txt that its results do not give."""
    for column, anew in team_table.differences(printed, team.values).items():
        last_digit = 10.0 ** -team_table.DECIMALS[column]
        near = abs(float(printed[column]) - team.values[column]) < 1.01 * last_digit
        why, reason = ("rounding", "the last digit is rounded otherwise") if near else ("files", "it is of another run")
        yield Remark(team.team, why, f"{column} is printed as {printed[column]}, and recomputed {anew}: {reason}")


def _means(team: TeamResults) -> Iterator[Remark]:
    """Means in results.json that are not those of the lists beside them."""
    for name in ("valid_psnr", "test_psnr", "valid_runtime", "test_runtime"):
        images, told = getattr(team, name), getattr(team, name.replace("_", "_ave_"))
        if images and told is not None and abs(fmean(images) - told) > 1e-6 * abs(told):
            mean = f"the mean of its {len(images)} images is {fmean(images):.6f}"
            said = f"{name.replace('_', '_ave_')} is {told:.6f}, and {mean}"
            yield Remark(team.team.strip(), "files", said)


def _thresholds(team: TeamStanding) -> Iterator[Remark]:
    for column, verdict in team.verdicts.items():
        if verdict == MET_ROUNDED:
            rounded = team_table.as_printed(column, team.values[column])
            yield Remark(team.team, "rounding", f"{column} is {team.values[column]:.4f}, and passes as {rounded} alone")


def _cold_start(team: TeamResults) -> Iterator[Remark]:
    for kind, times in (("validation", team.valid_runtime), ("test", team.test_runtime)):
        if len(times) > 2 and times[0] > COLD * median(times):
            said = (
                f"the first {kind} image took {times[0]:.2f} ms and the median one {median(times):.2f} ms; without it "
                f"the set's mean is {fmean(times[1:]):.2f} ms instead of {fmean(times):.2f} ms"
            )
            yield Remark(team.team.strip(), "cold start", said)


def _warm_ups(branch: Loaded) -> Iterator[Remark]:
    for passes in branch.warm_ups:
        yield Remark(branch.name.strip(), "warm-up", f"before any image is timed it does {passes.text}")


def _ratios(team: TeamStanding, baseline: TeamResults) -> Iterator[Remark]:
    """The official ratio beside the median of the images', and what parts them."""
    if team.ratio is None or team.ratio_of_means is None:
        return
    fair, means = team.ratio.value, team.ratio_of_means
    if abs(means - fair) <= APART * fair:
        return
    warm = _ratio_without_first(team.results, baseline)
    said = f"its means are {means:.3f} times the baseline's, its median image {fair:.3f} times"
    if warm is not None and abs(warm - fair) <= abs(means - fair) / 2:
        yield Remark(team.team, "cold start", f"{said}; without each set's first image the means are {warm:.3f} times")
        return
    tenth, *_, ninetieth = quantiles(image_ratios(team.results, baseline), n=10)
    yield Remark(
        team.team,
        "means",
        f"{said}: images differ, the middle eight tenths of them from {tenth:.2f} to {ninetieth:.2f} times, and a mean "
        "weighs the slow ones most",
    )


def _ratio_without_first(team: TeamResults, baseline: TeamResults) -> float | None:
    """The ratio of the means over all images but each set's first; None where no set has another."""
    own, beside = (
        [fmean(times[1:]) for times in (each.valid_runtime, each.test_runtime) if len(times) > 1]
        for each in (team, baseline)
    )
    return fmean(own) / fmean(beside) if own and beside else None


def _operations(team: TeamStanding, branch: Loaded | None, checkout: Checkout) -> Iterator[Remark]:
    """FLOPs that are not esr's count, or, of a network that esr does not have, that the counter cannot have seen."""
    flops, parameters = team.values.get(team_table.FLOPS), team.values.get(team_table.PARAMETERS)
    if flops is None or parameters is None:
        return
    operators = ", ".join(branch.operators) if branch else ""
    missed = f"; the counter knows nothing of {operators} ({branch.file})" if branch and operators else ""
    once = parameters * EACH_WEIGHT_ONCE / 1e3
    if team.own_flops is not None:
        if f"{team.own_flops:.2f}" != f"{flops:.2f}":
            said = f"{flops:.2f} G are printed; esr counts {team.own_flops:.2f} G{missed}"
            yield Remark(team.team, "operators", said + _with_flops(team, team.own_flops, checkout))
    elif flops < FEW * once:
        said = f"{flops:.2f} G are {flops / once:.2f} of {once:.2f} G, each weight once for each LR pixel{missed}"
        yield Remark(team.team, "operators", said + _with_flops(team, once, checkout))


def _with_flops(team: TeamStanding, flops: float, checkout: Checkout) -> str:
    """What the official score would be with so many FLOPs; the baseline's is the same whatever it has."""
    formula, beside = FORMULAS.get(checkout.year), checkout.baseline.flops
    if formula is None or beside is None or team.score is None or team.results.flops is None:
        return ""
    if team.results is checkout.baseline:
        return ""
    ratios = [Cost(0, count / beside, 0) for count in (flops, team.results.flops)]
    more = formula.weights.flops * (formula.parts(ratios[0]).flops - formula.parts(ratios[1]).flops)
    return f"; with {flops:.2f} G its score would be {team.score + more:.3f} instead of {team.score:.3f}"
