"""Figures as SVG: a file of its own in the page's light colours, or an element that takes the page's own colours."""

import io
import re
from collections.abc import Callable
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, LINE, CARD, GOOD, POOR = "#1b1f24", "#5e6772", "#e2e4e1", "#fffffe", "#0b6e69", "#a8480f"
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", CARD: "--card", GOOD: "--accent", POOR: "--warn"}
"""The page's CSS variables, which take the places of these colours there: one figure for both of its themes."""


def svg_file(salt: str, draw: Callable[[], Figure]) -> str:
    """A figure as the text of an SVG file; equal figures give equal text.

    Args:
        salt: what the names inside it are made from; two figures of one page need two.
        draw: makes the figure.
    """
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": f"esr {salt}", "font.size": 11}):
        text = io.StringIO()
        draw().savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def svg_element(salt: str, draw: Callable[[], Figure]) -> str:
    """The same as an ``<svg>`` element, without what only a file needs, in the page's fonts and colours."""
    svg = svg_file(salt, draw)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(?<=<svg) [^>]*?(viewBox="[^"]*")[^>]*', r" \1", svg)
    svg = re.sub(r"<style.*?</style>|font-family: [^;]*; |<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r' (d|x|y|transform)="[^"]*"', _shortened, re.sub(r"\n\s*", "\n", svg))
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


def _shortened(attribute: re.Match[str]) -> str:
    """An attribute's numbers cut to hundredths of a pixel, which are fine enough."""
    return re.sub(r"(?<=\d\.\d\d)\d+", "", attribute[0])


def blank_figure(width: float, height: float) -> Figure:
    """A figure of so many inches of 72 px, without a ground of its own."""
    figure = Figure(figsize=(width, height), dpi=72, layout="constrained")
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    return figure


def dress(axes: Axes, grid: Literal["x", "y"]) -> None:
    """Quiet axes: a grid along ``grid``, a line at the bottom, no ticks."""
    axes.tick_params(colors=MUTED, labelcolor=MUTED, length=0, which="both")
    axes.xaxis.label.set_color(MUTED)
    axes.yaxis.label.set_color(MUTED)
    axes.grid(color=LINE, linewidth=1, axis=grid)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
