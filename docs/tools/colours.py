"""The colours of all pictures, and a box with words in it."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

INK, MUTED, LINE = "#1b1b24", "#5b5f6b", "#d9dbe0"
GREEN, ORANGE, VIOLET, PALE = "#0b7067", "#b45309", "#6d4fb3", "#e6f2f0"


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of ``width`` x ``height`` inches whose axes are those inches, without ticks or frame."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def box(axes: Axes, left: float, bottom: float, width: float, height: float, colour: str = PALE) -> None:
    """A box with round corners."""
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle=style, facecolor=colour, edgecolor=GREEN))
