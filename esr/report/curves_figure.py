"""An entry's training, all of its phases one after another: loss, PSNR on the held-out images, learning rate."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from esr.report.history import PhaseCurve, PruneRound
from esr.report.svg import GOOD, INK, LINE, MUTED, POOR, blank_figure, dress

LETTERS = 7.0  # px of a letter, about
Lines = Sequence[tuple[Sequence[float], Sequence[float]]]
"""A line per phase: iterations since the first phase began, and values."""


def draw_curves(phases: Sequence[PhaseCurve], width: float) -> Figure:
    """Three plots above one another, ``width`` inches wide; upright lines are the borders of the phases."""
    begins = _begins(phases)
    figure = blank_figure(width, 0.62 * width + 2.4)
    upper, middle, lower = figure.subplots(3, sharex=True)
    _draw(upper, _lines(phases, begins, "loss"), "loss", GOOD)
    _draw(middle, _lines(phases, begins, "psnr"), "PSNR (dB)", GOOD)
    _draw(lower, _lines(phases, begins, "learning_rate"), "learning rate", MUTED)
    _logarithmic(upper, [point.loss for phase in phases for point in phase.points])
    _logarithmic(lower, [point.learning_rate for phase in phases for point in phase.points])
    for axes in (upper, middle, lower):
        for border in begins[1:-1]:
            axes.axvline(border, color=LINE, linewidth=1.4, linestyle=(0, (2, 2)), zorder=1)
    _name_phases(upper, phases, begins, 72 * width)
    lower.set_xlabel("iterations, all phases one after another")
    lower.xaxis.set_major_formatter(EngFormatter(sep=""))
    lower.xaxis.set_major_locator(MaxNLocator(6))
    lower.set_xlim(0, begins[-1])
    return figure


def draw_overview(curves: Sequence[tuple[str, Sequence[PhaseCurve]]], columns: int = 3) -> Figure:
    """A small plot of the PSNR for each row of the leaderboard, all on one scale."""
    rows = math.ceil(len(curves) / columns)
    figure = blank_figure(3.6 * columns, 2.5 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel().tolist()
    for axes, (name, phases) in zip(grid, curves, strict=False):
        begins = _begins(phases)
        _draw(axes, _lines(phases, begins, "psnr"), "", GOOD)
        for border in begins[1:-1]:
            axes.axvline(border, color=LINE, linewidth=1.4, linestyle=(0, (2, 2)), zorder=1)
        axes.set_title(name, loc="left", color=INK, fontsize=11, parse_math=False)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_major_locator(MaxNLocator(4))
    for axes in grid[len(curves) :]:
        axes.set_visible(False)
    figure.supylabel("PSNR on the held-out images (dB)", color=MUTED, fontsize=11)
    figure.supxlabel("iterations, all phases one after another", color=MUTED, fontsize=11)
    return figure


def draw_pruning(rounds: Sequence[PruneRound], width: float) -> Figure:
    """PSNR against parameters, a point per round; a hollow point is a round that was undone."""
    figure = blank_figure(width, 0.5 * width)
    axes = figure.add_subplot()
    kept = [each for each in rounds if each.kept]
    axes.plot([each.parameters for each in kept], [each.psnr for each in kept], color=GOOD, linewidth=1.4)
    for each in rounds:
        colour, filling = (GOOD, GOOD) if each.kept else (POOR, "none")
        axes.plot(each.parameters, each.psnr, "o", color=colour, markerfacecolor=filling, markersize=7)
        axes.annotate(
            f"{each.round}", (each.parameters, each.psnr), (0, 8), textcoords="offset points", ha="center", color=MUTED
        )
    axes.margins(0.1, 0.25)
    axes.set_xlabel("parameters; the numbers are rounds")
    axes.set_ylabel("PSNR (dB)")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    dress(axes, "y")
    return figure


def _begins(phases: Sequence[PhaseCurve]) -> list[int]:
    """The iteration at which each phase begins, counted from the first one's first, and the last one's end."""
    begins = [0]
    for phase in phases:
        begins.append(begins[-1] + phase.iterations)
    return begins


def _lines(phases: Sequence[PhaseCurve], begins: Sequence[int], name: str) -> Lines:
    """What is known of a value; the PSNR is measured more seldom than the rest."""
    lines = []
    for begin, phase in zip(begins, phases, strict=False):
        known = [(begin + point.iteration, getattr(point, name)) for point in phase.points]
        lines.append(([x for x, y in known if y is not None], [y for _, y in known if y is not None]))
    return lines


def _draw(axes: Axes, lines: Lines, name: str, colour: str) -> None:
    for iterations, values in lines:
        axes.plot(iterations, values, color=colour, linewidth=1.6, marker="o" if len(values) < 15 else "", markersize=3)
    axes.set_ylabel(name)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    dress(axes, "y")


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    if min(values) > 0 and max(values) > 3 * min(values):
        axes.set_yscale("log")
        axes.minorticks_off()


def _name_phases(axes: Axes, phases: Sequence[PhaseCurve], begins: Sequence[int], width: float) -> None:
    """Each phase's name upright at its beginning, where it has the room of a line."""
    for phase, begin, end in zip(phases, begins, begins[1:], strict=False):
        if (end - begin) / begins[-1] * width > 2 * LETTERS:
            axes.annotate(
                phase.name,
                (begin, 1),
                (3, 0),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                rotation=90,
                va="top",
                color=MUTED,
                fontsize=8,
                parse_math=False,
            )
