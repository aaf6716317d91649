"""The time of every layer as a bar, with what the device could do at best marked on it, as an SVG file."""

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from esr.common.files import write_text
from esr.evaluation.layers import Layer, LayerCosts

INK, MUTED, LINE = "#1b1f24", "#5e6772", "#e2e4e1"
BY_OPERATIONS, BY_MEMORY = "#0b6e69", "#b45309"
WIDTH, LINE_HEIGHT, MARGINS = 9.0, 0.22, 1.3  # inches
SHOWN = 0.003
"""Layers that take less of the pass have no bar."""


def write_layers_figure(path: Path, name: str, costs: LayerCosts) -> None:
    """Write the picture: bars from the first layer down to the last, milliseconds to the right."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "esr layers", "font.size": 9}):
        text = io.StringIO()
        draw_layers(name, costs).savefig(text, format="svg", metadata={"Date": None})
    write_text(path, text.getvalue())


def draw_layers(name: str, costs: LayerCosts) -> Figure:
    """The picture of a network's layers."""
    shown = [layer for layer in costs.layers if costs.share(layer.time_ms) >= SHOWN]
    figure = Figure(figsize=(WIDTH, MARGINS + LINE_HEIGHT * len(shown)), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    for place, layer in enumerate(shown):
        _draw_bar(axes, place, layer, costs)
    axes.set_yticks(range(len(shown)), [_label(layer) for layer in shown], parse_math=False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel("ms", color=MUTED)
    title = f"{name}, {costs.width}x{costs.height} LR px on {costs.device}: {costs.whole_ms:,.1f} ms a pass"
    axes.set_title(title, loc="left", color=INK, parse_math=False)
    axes.tick_params(colors=MUTED, labelcolor=INK, length=0)
    axes.grid(color=LINE, axis="x")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_bar(axes: Axes, place: int, layer: Layer, costs: LayerCosts) -> None:
    axes.barh(place, layer.time_ms, height=0.7, color=_colour(layer, costs))
    least = costs.least_ms(layer)
    axes.plot([least, least], [place - 0.42, place + 0.42], color=INK, linewidth=2)


def _colour(layer: Layer, costs: LayerCosts) -> str:
    return BY_MEMORY if costs.ceiling.is_memory_bound(layer.macs, layer.moved) else BY_OPERATIONS


def _label(layer: Layer) -> str:
    return f"{layer.operation.module}  {layer.kind}".strip()


def _legend() -> list[Patch | Line2D]:
    return [
        Patch(color=BY_OPERATIONS, label="time; operations set its ceiling"),
        Patch(color=BY_MEMORY, label="time; memory sets its ceiling"),
        Line2D([], [], color=INK, linewidth=2, label="time at the device's ceiling"),
    ]
