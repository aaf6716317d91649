"""What ``esr challenge --run`` prints: a table of what could be counted, and why the rest could not; or JSON."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.challenge.strangers import Stranger
from esr.common.errors import printable

LONGEST_REASON = 200  # characters in the terminal; JSON has all of it


def print_strangers(strangers: Sequence[Stranger], as_json: bool) -> None:
    """Print on standard output: as JSON and nothing else, or as a table and a line for what could not be loaded."""
    if as_json:
        print(json.dumps([_as_data(stranger) for stranger in strangers], indent=2))
        return
    table = Table("network", "parameters (M)", "FLOPs (G)", "printed", "2023's (G)", "activations (M)", "convs")
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for stranger in strangers:
        if each := stranger.complexity:
            flops = stranger.printed.flops if stranger.printed else None
            table.add_row(
                escape(printable(stranger.name)),
                f"{each.parameters / 1e6:.3f}",
                f"{each.flops / 1e9:.2f}",
                f"{flops:.2f}" if flops else "\N{EN DASH}",
                f"{each.flops_2023 / 1e9:.2f}",
                f"{each.activations / 1e6:.2f}",
                str(each.convs),
            )
    console = Console()
    console.print(table)
    for stranger in strangers:
        if stranger.reason:
            why = textwrap.shorten(stranger.reason, LONGEST_REASON, placeholder=" ...")
            console.print(escape(printable(f"{stranger.name} could not be run: {why}")), soft_wrap=True)
    if unbarred := sorted({what for stranger in strangers for what in stranger.unbarred}):
        console.print(f"This system could not bar the teams' code from: {', '.join(unbarred)}.", soft_wrap=True)


def _as_data(stranger: Stranger) -> dict[str, Any]:
    return {
        "name": stranger.name,
        "complexity": asdict(stranger.complexity) if stranger.complexity else None,
        "reason": stranger.reason,
        "printed_flops_g": stranger.printed.flops if stranger.printed else None,
        "unbarred": list(stranger.unbarred),
    }
