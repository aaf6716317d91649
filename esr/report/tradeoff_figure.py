"""PSNR against run time beside the baseline's, as an SVG inside the page, which gives it its colours and its fonts."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox, IdentityTransform

from esr.report.labels import Box, place_labels
from esr.timing.interval import Interval

# matplotlib draws in these colours, and the page's own (its CSS variables) take their places: one file for both themes.
INK, MUTED, LINE, CARD, GOOD, POOR = (f"#{number:06x}" for number in range(1, 7))
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", CARD: "--card", GOOD: "--accent", POOR: "--warn"}

BEHIND = {"facecolor": CARD, "edgecolor": "none", "pad": 1.5}  # a text's background, which hides the grid
FAR = 20.0  # px from a point: a thin line leads to a name beyond
PIXELS = IdentityTransform()
LOG_FROM = 8.0  # the axis is logarithmic where the slowest takes so many times as long as the fastest


@dataclass(frozen=True)
class PlottedEntry:
    """An entry on the plot: its ratio to the baseline's run time, with the 95 % interval, and its PSNR in dB."""

    label: str
    ratio: Interval
    psnr: float
    above_bicubic: bool


def psnr_against_ratio(
    points: Sequence[PlottedEntry], bicubic: Mapping[str, float], width: float, height: float
) -> str:
    """The plot as an ``<svg>`` element: equal arguments give equal text.

    Args:
        points: the entries, at least one.
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
        lines = _draw_bicubic(axes, bicubic)
        for point in points:
            _draw_point(axes, point)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # from here on nothing moves, and the names can be placed in px
        _draw_names(figure, axes, points, lines)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _for_the_page(text.getvalue())


def _draw_axes(axes: Axes, points: Sequence[PlottedEntry], bicubic: Mapping[str, float]) -> None:
    times = [point.ratio.value for point in points]
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
    axes.set_xlabel("run time / baseline's", color=MUTED)
    axes.set_ylabel("PSNR (dB)", color=MUTED)
    axes.tick_params(colors=MUTED, labelcolor=MUTED, length=0, which="both")
    axes.grid(color=LINE, linewidth=1, axis="y")
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    axes.figure.patch.set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)


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


def _draw_point(axes: Axes, point: PlottedEntry) -> None:
    colour = GOOD if point.above_bicubic else POOR
    filling = colour if point.above_bicubic else "none"
    ratio = point.ratio
    axes.errorbar(
        [ratio.value],
        [point.psnr],
        xerr=[[ratio.value - ratio.low], [ratio.high - ratio.value]],
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
    places = [tuple(axes.transData.transform((point.ratio.value, point.psnr)).tolist()) for point in points]
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


def _for_the_page(svg: str) -> str:
    """The element alone, without what only a file of its own needs, in the page's fonts and colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(?<=<svg) [^>]*?(viewBox="[^"]*")[^>]*', r" \1", svg)
    svg = re.sub(r"<style.*?</style>|font-family: [^;]*; ", "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg
