"""What ``esr layers`` prints: tables for people, or JSON."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.common.errors import printable
from esr.evaluation.layers import Layer, LayerCosts

SMALL = 0.005
"""Operations without weights that take less of the pass stand together on one line."""
WIDE = 118
"""Columns of a terminal that has room for everything."""
BAR = 10
"""Characters of the longest bar."""


def print_layers_json(name: str, costs: LayerCosts) -> None:
    """Print what was measured, every layer by itself; times are milliseconds, shares parts of 1."""
    content = {
        "network": name,
        "height": costs.height,
        "width": costs.width,
        "device": costs.device,
        "threads": costs.threads,
        "passes": costs.passes,
        "load": [costs.load_before, costs.load_after],
        "whole_ms": asdict(costs.whole),
        "doubt": costs.doubt,
        "rest_ms": costs.rest_ms,
        "of_ceiling": _of_ceiling(costs),
        "ceiling": asdict(costs.ceiling),
        "layers": [_layer(costs, layer) for layer in costs.layers],
    }
    print(json.dumps(content, indent=2))


def _layer(costs: LayerCosts, layer: Layer) -> dict[str, Any]:
    return {
        "module": layer.operation.module,
        "operation": layer.operation.kind,
        "kind": layer.kind,
        "input_shape": layer.operation.shape,
        "calls": layer.calls,
        "time_ms": layer.time_ms,
        "share": costs.share(layer.time_ms),
        "macs": layer.macs,
        "bytes": layer.moved,
        "ceiling_ms": costs.least_ms(layer),
        "of_ceiling": costs.of_ceiling(layer),
        "bound": "memory" if costs.ceiling.is_memory_bound(layer.macs, layer.moved) else "operations",
        "dropped_saves_ms": layer.time_ms,
        "three_quarters_out_saves_ms": layer.fewer_out_ms,
        "three_quarters_in_saves_ms": layer.fewer_in_ms,
    }


def print_layers(name: str, costs: LayerCosts) -> None:
    """Print a line per layer, the sums by kind, and the ceiling that was measured."""
    console = Console(highlight=False)
    if not console.is_terminal:  # a file or a pipe has lines of any length
        console.width = max(console.width, WIDE)
    console.print(_by_layer(name, costs, console.width >= WIDE))
    console.print(_by_kind(costs))
    ceiling = costs.ceiling
    print(
        f"The ceiling, as measured: {ceiling.macs_per_second / 1e9:,.0f} G multiply-accumulates and "
        f"{ceiling.bytes_per_second / 1e9:,.1f} GB a second.\n"
        "ceiling: the part of the time that the layer would take there; above 100 % it read from a cache.\n"
        "Dropping a layer saves its ms. 3/4 out and 3/4 in: ms saved with so many of its output or input channels."
    )
    if costs.doubt:
        print(f"Do not believe these times: {costs.doubt}; end other programs and measure again")


def _by_layer(name: str, costs: LayerCosts, wide: bool) -> Table:
    """A line per layer; work, bytes and bars only where the terminal is ``wide``."""
    where = f"{printable(costs.device)}, threads: {costs.threads}, passes: {costs.passes}"
    title = f"{escape(printable(name))} on {costs.width}x{costs.height} LR px ({where})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", overflow="fold", min_width=14)
    table.add_column("kind", min_width=10)
    heads = ("ms", "share", *(("M ops", "MB") if wide else ()), "ceiling", "3/4 out", "3/4 in")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    if wide:
        table.add_column("", no_wrap=True)
    shown, small = _split(costs)
    longest = max((layer.time_ms for layer in shown), default=0)
    for layer in shown:
        table.add_row(
            escape(layer.operation.module) or "(the network)",
            _kind(layer),
            *_costs(costs, [layer], wide),
            _saved(layer.fewer_out_ms),
            _saved(layer.fewer_in_ms),
            *(["▇" * round(BAR * layer.time_ms / longest) if longest else ""] if wide else []),
        )
    if small:
        table.add_row(f"{len(small)} more, each below {SMALL:.1%}", "", *_costs(costs, small, wide))
    table.add_row("between the layers", "", f"{costs.rest_ms:,.2f}", f"{costs.share(costs.rest_ms):.1%}")
    table.add_section()
    work = _work(costs.layers) if wide else []
    table.add_row("a whole pass", "", f"{costs.whole_ms:,.2f}", "100.0%", *work, f"{_of_ceiling(costs):.0%}")
    return table


def _split(costs: LayerCosts) -> tuple[list[Layer], list[Layer]]:
    """The layers with a line each, and those that share one."""
    small = [layer for layer in costs.layers if not layer.operation.convolution and costs.share(layer.time_ms) < SMALL]
    return [layer for layer in costs.layers if layer not in small], small


def _by_kind(costs: LayerCosts) -> Table:
    kinds: defaultdict[str, list[Layer]] = defaultdict(list)
    for layer in costs.layers:
        kinds[layer.kind].append(layer)
    table = Table("kind", title="by kind", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for head in ("calls", "ms", "share", "M ops", "MB", "ceiling"):
        table.add_column(head, justify="right", no_wrap=True)
    for kind, layers in sorted(kinds.items(), key=lambda each: -sum(layer.time_ms for layer in each[1])):
        table.add_row(kind, str(sum(layer.calls for layer in layers)), *_costs(costs, layers, with_work=True))
    return table


def _of_ceiling(costs: LayerCosts) -> float:
    """How near the whole pass comes to the ceiling."""
    return costs.share(sum(map(costs.least_ms, costs.layers)))


def _costs(costs: LayerCosts, layers: Sequence[Layer], with_work: bool) -> list[str]:
    """Time, share, operations, bytes, and how near the ceiling, of layers together."""
    time_ms = sum(layer.time_ms for layer in layers)
    least_ms = sum(costs.least_ms(layer) for layer in layers)
    near = f"{least_ms / time_ms:.0%}" if time_ms > 0 else ""
    return [f"{time_ms:,.2f}", f"{costs.share(time_ms):.1%}", *(_work(layers) if with_work else []), near]


def _work(layers: Sequence[Layer]) -> list[str]:
    """Millions of operations, and of bytes."""
    return [_millions(sum(layer.macs for layer in layers)), _millions(sum(layer.moved for layer in layers))]


def _kind(layer: Layer) -> str:
    return layer.kind + (f" x{layer.calls}" if layer.calls > 1 else "")


def _millions(number: int) -> str:
    return f"{number / 1e6:,.1f}" if number else ""


def _saved(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.2f}"
