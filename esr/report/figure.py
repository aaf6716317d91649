"""PSNR against run time, as an SVG that lives inside the page and takes its colours and its fonts from it."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

# matplotlib draws in these colours, and the page's own (its CSS variables) take their places: one file for both themes.
INK, MUTED, LINE, CARD, GOOD, POOR = (f"#{number:06x}" for number in range(1, 7))
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", CARD: "--card", GOOD: "--accent", POOR: "--warn"}

LINE_HEIGHT = 15.0  # points between two labels
BEHIND = {"facecolor": CARD, "edgecolor": "none", "pad": 1.5}  # what hides the grid behind a text
LOG_FROM = 8.0  # the time axis is logarithmic where the slowest takes so many times as long as the fastest


@dataclass(frozen=True)
class Point:
    """An entry on the plot."""

    label: str
    time_ms: float
    psnr: float
    above_bicubic: bool


def psnr_against_time(points: Sequence[Point], bicubic: Mapping[str, float], width: float, height: float) -> str:
    """The plot as an ``<svg>`` element: equal arguments give equal text.

    Args:
        points: the entries.
        bicubic: the PSNR of bicubic upscaling in dB, by the name of the set.
        width: in inches of 72 px, before the page scales the picture.
        height: likewise.
    """
    style = {"svg.fonttype": "none", "svg.hashsalt": f"esr {width}x{height}", "font.size": 11}
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), dpi=72, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        _draw_axes(axes, points, bicubic)
        _draw_bicubic(axes, bicubic)
        for point in points:
            _draw_point(axes, point)
        figure.draw_without_rendering()
        _draw_labels(axes, points)
        text = io.StringIO()
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _for_the_page(text.getvalue())


def _draw_axes(axes: Axes, points: Sequence[Point], bicubic: Mapping[str, float]) -> None:
    times = [point.time_ms for point in points]
    levels = [point.psnr for point in points] + list(bicubic.values())
    if max(times) > LOG_FROM * min(times):
        axes.set_xscale("log")
        axes.set_xlim(min(times) / 1.5, max(times) * 1.5)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, max(times) * 1.15)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    room = max(max(levels) - min(levels), 0.1) * 0.15
    axes.set_ylim(min(levels) - room, max(levels) + room)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel("run time for one image (ms)", color=MUTED)
    axes.set_ylabel("PSNR (dB)", color=MUTED)
    axes.tick_params(colors=MUTED, labelcolor=MUTED, length=0, which="both")
    axes.grid(color=LINE, linewidth=1, axis="y")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)


def _draw_bicubic(axes: Axes, bicubic: Mapping[str, float]) -> None:
    for name, level in bicubic.items():
        axes.axhline(level, color=MUTED, linewidth=1.4, linestyle=(0, (5, 4)))
        text = f"bicubic {level:.2f} dB" if len(bicubic) == 1 else f"bicubic {level:.2f} dB, {name}"
        place = axes.get_yaxis_transform()
        axes.annotate(
            text, (1, level), (-2, 6), xycoords=place, textcoords="offset points", ha="right", color=MUTED, bbox=BEHIND
        )


def _draw_point(axes: Axes, point: Point) -> None:
    colour = GOOD if point.above_bicubic else POOR
    filling = colour if point.above_bicubic else "none"
    axes.plot(point.time_ms, point.psnr, "o", color=colour, markerfacecolor=filling, markersize=9, markeredgewidth=2)


def _draw_labels(axes: Axes, points: Sequence[Point]) -> None:
    """Names beside the points, towards the middle, moved up or down where they would lie on one another."""
    ordered = sorted(points, key=lambda point: point.psnr)
    places = [axes.transData.transform((point.time_ms, point.psnr)) for point in ordered]
    heights = [float(y) for _, y in places]
    middle = axes.transAxes.transform((0.6, 0))[0]
    for point, (x, y), height in zip(ordered, places, spread_out(heights, LINE_HEIGHT), strict=True):
        side, align = (14, "left") if x < middle else (-14, "right")
        axes.annotate(
            point.label,
            (point.time_ms, point.psnr),
            (side, height - y),
            textcoords="offset points",
            ha=align,
            va="center",
            color=INK,
            parse_math=False,
            bbox=BEHIND,
            arrowprops={"arrowstyle": "-", "color": MUTED, "shrinkB": 6} if abs(height - y) > 4 else None,
        )


def spread_out(places: Sequence[float], distance: float) -> list[float]:
    """Rising places moved as little as it takes to lie at least ``distance`` apart, each group around its middle."""
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _bottom(groups[-1], distance) < _top(groups[-2], distance) + distance:
            last = groups.pop()
            groups[-1] += last
    return [_bottom(group, distance) + index * distance for group in groups for index in range(len(group))]


def _bottom(group: Sequence[float], distance: float) -> float:
    return float(np.mean(group)) - (len(group) - 1) * distance / 2


def _top(group: Sequence[float], distance: float) -> float:
    return float(np.mean(group)) + (len(group) - 1) * distance / 2


def _for_the_page(svg: str) -> str:
    """The element alone, without what only a file of its own needs, in the page's fonts and colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(?<=<svg) [^>]*?(viewBox="[^"]*")[^>]*', r" \1", svg)
    svg = re.sub(r"<style.*?</style>|font-family: [^;]*; ", "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg
