"""The time of every layer as a bar, with what the device could do at best marked on it."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from esr.common.files import write_text
from esr.evaluation.layers_file import LayerTime, LayerTimes
from esr.report.svg import GOOD, INK, POOR, blank_figure, dress, svg_file

BY_OPERATIONS, BY_MEMORY = GOOD, POOR
LINE_HEIGHT, MARGINS = 0.25, 1.6  # inches
WIDTH = 9.0
SHOWN = 0.003
"""Layers that take less of the pass have no bar."""


def write_layers_figure(path: Path, name: str, times: LayerTimes) -> None:
    """Write the picture as SVG: bars from the first layer down to the last, milliseconds to the right."""

    def draw() -> Figure:
        figure = draw_layers(times, WIDTH)
        figure.axes[0].set_title(f"{name}, {told(times)}", loc="left", color=INK, parse_math=False)
        return figure

    write_text(path, svg_file("layers", draw))


def told(times: LayerTimes) -> str:
    """Of what a pass is, and how long it takes: ``240x135 LR px on CPU: 116.3 ms a pass``."""
    return f"{times.width}x{times.height} LR px on {times.device}: {times.whole_ms:,.1f} ms a pass"


def draw_layers(times: LayerTimes, width: float, most: int | None = None) -> Figure:
    """The picture of a network's layers, ``width`` inches wide; of the ``most`` longest ones alone, if so many."""
    shown = [layer for layer in times.layers if layer.time_ms >= SHOWN * times.whole_ms]
    if most is not None:
        longest = sorted(shown, key=lambda layer: -layer.time_ms)[:most]
        shown = [layer for layer in shown if layer in longest]
    figure = blank_figure(width, MARGINS + LINE_HEIGHT * len(shown))
    axes = figure.add_subplot()
    for place, layer in enumerate(shown):
        _draw_bar(axes, place, layer)
    dress(axes, "x")
    axes.set_yticks(range(len(shown)), [f"{layer.module}  {layer.kind}".strip() for layer in shown], parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel("ms")
    axes.spines["bottom"].set_visible(False)
    figure.legend(handles=_legend(), loc="outside lower left", frameon=False, labelcolor=INK)
    return figure


def _draw_bar(axes: Axes, place: int, layer: LayerTime) -> None:
    axes.barh(place, layer.time_ms, height=0.7, color=BY_MEMORY if layer.by_memory else BY_OPERATIONS)
    axes.plot([layer.least_ms] * 2, [place - 0.42, place + 0.42], color=INK, linewidth=2)


def _legend() -> list[Patch | Line2D]:
    return [
        Patch(color=BY_OPERATIONS, label="time; operations set its ceiling"),
        Patch(color=BY_MEMORY, label="time; memory sets its ceiling"),
        Line2D([], [], color=INK, linewidth=2, label="time at the device's ceiling"),
    ]
