"""PSNR against what a network costs: run time beside the baseline's, FLOPs, parameters or activations."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox, IdentityTransform

from esr.report.labels import Box, place_labels
from esr.report.svg import CARD, GOOD, INK, MUTED, POOR, blank_figure, dress
from esr.timing.interval import Interval

BEHIND = {"facecolor": CARD, "edgecolor": "none", "pad": 1.5}  # a text's background, which hides the grid
FAR = 20.0  # px from a point: a thin line leads to a name beyond
PIXELS = IdentityTransform()
LOG_FROM = 8.0  # the axis is logarithmic where the costliest costs so many times as much as the cheapest
NAMED = 40
"""Points that have a name; among more, names would hide each other."""


@dataclass(frozen=True)
class PlottedEntry:
    """An entry on the plot: its cost, with the 95 % interval where that was measured, and its PSNR in dB."""

    label: str
    cost: Interval
    psnr: float
    above_bicubic: bool


def draw_tradeoff(
    points: Sequence[PlottedEntry], bicubic: Mapping[str, float], cost: str, width: float, height: float
) -> Figure:
    """The plot; a stepped line joins the networks that no other one beats in both.

    Args:
        points: the entries, at least one.
        bicubic: the PSNR of bicubic upscaling in dB, by the name of the set.
        cost: what the horizontal axis shows.
        width: in inches of 72 px, before the page scales the picture.
        height: likewise.
    """
    figure = blank_figure(width, height)
    axes = figure.add_subplot()
    _draw_axes(axes, points, bicubic, cost)
    lines = _draw_bicubic(axes, bicubic)
    _draw_front(axes, points)
    for point in points:
        _draw_point(axes, point)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # from here on nothing moves, and the names can be placed in px
    _draw_names(figure, axes, points[:NAMED], lines)
    return figure


def pareto_front(points: Sequence[PlottedEntry]) -> list[PlottedEntry]:
    """The entries above bicubic that none beats in PSNR at the same or a lower cost, the cheapest first."""
    front: list[PlottedEntry] = []
    for point in sorted(points, key=lambda point: (point.cost.value, -point.psnr)):
        if point.above_bicubic and (not front or point.psnr > front[-1].psnr):
            front.append(point)
    return front


def _draw_axes(axes: Axes, points: Sequence[PlottedEntry], bicubic: Mapping[str, float], cost: str) -> None:
    costs = [point.cost.value for point in points]
    levels = [point.psnr for point in points] + list(bicubic.values())
    if max(costs) > LOG_FROM * min(costs):
        axes.set_xscale("log")
        axes.set_xlim(min(costs) / 1.5, max(costs) * 1.5)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, max(costs) * 1.15)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter("{x:,g}")
    room = max(max(levels) - min(levels), 0.1) * 0.15
    axes.set_ylim(min(levels) - room, max(levels) + room)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(cost)
    axes.set_ylabel("PSNR (dB)")
    dress(axes, "y")


def _draw_bicubic(axes: Axes, bicubic: Mapping[str, float]) -> list[Text]:
    """A dashed line per set; gives what is written at the lines."""
    names: list[Text] = []
    for set_name, level in bicubic.items():
        axes.axhline(level, color=MUTED, linewidth=1.4, linestyle=(0, (5, 4)))
        label = f"bicubic {level:.2f} dB" if len(bicubic) == 1 else f"bicubic {level:.2f} dB, {set_name}"
        name = axes.annotate(
            label,
            (1, level),
            (-2, 6),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            color=MUTED,
            bbox=BEHIND,
        )
        names.append(name)
    return names


def _draw_front(axes: Axes, points: Sequence[PlottedEntry]) -> None:
    front = pareto_front(points)
    if len(front) > 1:
        costs, levels = [point.cost.value for point in front], [point.psnr for point in front]
        axes.step(costs, levels, where="post", color=GOOD, linewidth=1.4, alpha=0.45)


def _draw_point(axes: Axes, point: PlottedEntry) -> None:
    colour = GOOD if point.above_bicubic else POOR
    filling = colour if point.above_bicubic else "none"
    cost = point.cost
    axes.errorbar(
        [cost.value],
        [point.psnr],
        xerr=[[cost.value - cost.low], [cost.high - cost.value]] if cost.low < cost.high else None,
        fmt="o",
        color=colour,
        elinewidth=2,
        markerfacecolor=filling,
        markeredgewidth=2,
        markersize=9,
        zorder=5,  # above the names' grounds
    )


def _draw_names(figure: Figure, axes: Axes, points: Sequence[PlottedEntry], written: Sequence[Text]) -> None:
    """The points' names, off one another, off the points and off what is ``written`` already."""
    names = [
        figure.text(0, 0, point.label, color=INK, parse_math=False, va="bottom", bbox=BEHIND, transform=PIXELS)
        for point in points
    ]
    places = [tuple(axes.transData.transform((point.cost.value, point.psnr)).tolist()) for point in points]
    extents = [name.get_window_extent() for name in names]
    taken = [_box(text.get_window_extent()) for text in written]
    boxes = place_labels(places, [(extent.width, extent.height) for extent in extents], _box(axes.bbox), taken)
    for name, (x, y), box in zip(names, places, boxes, strict=True):
        name.set_position((box.left, box.bottom))
        nearest = min(max(x, box.left), box.right), min(max(y, box.bottom), box.top)
        if math.dist((x, y), nearest) > FAR:
            ends = zip((x, y), nearest, strict=True)
            figure.add_artist(Line2D(*ends, color=MUTED, linewidth=0.8, transform=PIXELS))


def _box(extent: Bbox) -> Box:
    return Box(extent.x0, extent.y0, extent.x1, extent.y1)
