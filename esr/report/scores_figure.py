"""The scores by the rules of the years: a strip per rule, since only scores of one rule bear comparison."""

from collections.abc import Collection, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from esr.report.challenge_score import ChallengeScore
from esr.report.columns import score
from esr.report.svg import GOOD, INK, POOR, blank_figure, dress

LINE_HEIGHT, MARGINS = 0.3, 0.9  # inches


def draw_scores(scores: Mapping[str, ChallengeScore], below: Collection[str], width: float) -> Figure:
    """Bars of the ``scores`` (by the networks' names, at least one), the best of each rule first.

    A bar is hollow where the network is ``below`` bicubic, and no score makes up for that.
    """
    rules = {score.rule: None for score in scores.values()}
    by_rule = [sorted((s.value, name) for name, s in scores.items() if s.rule == rule) for rule in rules]
    heights = [MARGINS + LINE_HEIGHT * len(each) for each in by_rule]
    figure = blank_figure(width, sum(heights))
    strips = figure.subplots(len(by_rule), squeeze=False, height_ratios=heights).ravel().tolist()
    for axes, rule, ranked in zip(strips, rules, by_rule, strict=True):
        _draw_strip(axes, rule, ranked, below)
    return figure


def _draw_strip(axes: Axes, rule: str, ranked: list[tuple[float, str]], below: Collection[str]) -> None:
    values, names = [value for value, _ in ranked], [name for _, name in ranked]
    for place, (value, name) in enumerate(ranked):
        colour, filling = (POOR, "none") if name in below else (GOOD, GOOD)
        axes.barh(place, value, height=0.6, facecolor=filling, edgecolor=colour)
        axes.annotate(
            score(value), (value, place), (4, 0), textcoords="offset points", va="center", color=INK, fontsize=10
        )
    if values[-1] > 20 * values[0] > 0:
        axes.set_xscale("log")
        axes.set_xlim(values[0] / 2, values[-1] * 3)
    else:
        axes.set_xlim(0, 1.15 * values[-1])
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_title(f"By {rule}", loc="left", color=INK, fontsize=11, parse_math=False)
    dress(axes, "x")
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
