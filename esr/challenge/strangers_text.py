"""What ``esr challenge --run`` prints: tables of what was measured, and why the rest was not; or JSON."""

import json
import textwrap
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.challenge.formulas import Formula
from esr.challenge.stranger_scores import fair_score, official_score
from esr.challenge.strangers import Stranger, Strangers
from esr.common.errors import printable
from esr.common.finite import finite_or_none
from esr.evaluation.benchmark_text import official_json, print_official, print_session, session_json
from esr.evaluation.scores import mean

LONGEST_REASON = 200  # characters in the terminal; JSON has all of it
UNKNOWN = "\N{EN DASH}"


def print_strangers(strangers: Strangers, formula: Formula | None, as_json: bool) -> None:
    """Print on standard output: as JSON and nothing else, or as tables and a line for what could not be done.

    Args:
        strangers: what was measured.
        formula: the year's; None where it has none, and then there are no scores.
        as_json: whether as JSON.
    """
    if as_json:
        print(json.dumps(as_data(strangers, formula), indent=2))
        return
    console = Console(highlight=False)
    every = [*strangers.networks, *([strangers.baseline] if strangers.baseline else [])]
    console.print(_complexities(every))
    if strangers.baseline:
        console.print(_qualities(strangers, formula))
        for session in strangers.sessions:
            print_session(session)
        print_official([each.official for each in every if each.official], strangers.baseline.name)
    for stranger in every:
        if differs := _difference(stranger):
            console.print(escape(printable(differs)), soft_wrap=True)
        if stranger.reason:
            why = textwrap.shorten(stranger.reason, LONGEST_REASON, placeholder=" ...")
            console.print(escape(printable(f"{stranger.name} could not be run: {why}")), soft_wrap=True)
    if unbarred := sorted({what for stranger in every for what in stranger.unbarred}):
        console.print(f"This system could not bar the teams' code from: {', '.join(unbarred)}.", soft_wrap=True)


def as_data(strangers: Strangers, formula: Formula | None) -> dict[str, Any]:
    """``{"networks": [...], "baseline": {...}, "run_time": [...]}``, with null and [] where images were not given.

    An infinite score is null, too.
    """
    return {
        "networks": [_as_data(each, strangers, formula) for each in strangers.networks],
        "baseline": _as_data(strangers.baseline, strangers, formula) if strangers.baseline else None,
        "run_time": [session_json(session) for session in strangers.sessions],
    }


def _as_data(stranger: Stranger, strangers: Strangers, formula: Formula | None) -> dict[str, Any]:
    return {
        "name": stranger.name,
        "complexity": asdict(stranger.complexity) if stranger.complexity else None,
        "reason": stranger.reason,
        "printed_parameters_m": stranger.printed.num_parameters if stranger.printed else None,
        "printed_flops_g": stranger.printed.flops if stranger.printed else None,
        "difference": _difference(stranger),
        "quality": stranger.quality.to_json() if stranger.quality else None,
        "official": official_json(stranger.official) if stranger.official else None,
        "official_score": finite_or_none(official_score(formula, stranger, strangers)) if formula else None,
        "fair_score": finite_or_none(fair_score(formula, stranger, strangers)) if formula else None,
        "unbarred": list(stranger.unbarred),
    }


def _difference(stranger: Stranger) -> str:
    """What is printed otherwise than it is counted, and what may be the reason; empty where they agree."""
    printed, counted = stranger.printed, stranger.complexity
    if not printed or not printed.flops or not counted or f"{printed.flops:.2f}" == f"{counted.flops / 1e9:.2f}":
        return ""
    said = f"{stranger.name}: {printed.flops:.2f} G are printed, and esr counts {counted.flops / 1e9:.2f} G"
    operators = ", ".join(stranger.operators)
    return f"{said}; the organisers' counter has no rule for {operators}" if operators else said


def _complexities(strangers: list[Stranger]) -> Table:
    table = _table("params (M)", "FLOPs (G)", "printed", "2023's (G)", "acts (M)", "convs")
    for stranger in strangers:
        if each := stranger.complexity:
            printed = stranger.printed.flops if stranger.printed else None
            table.add_row(
                escape(printable(stranger.name)),
                f"{each.parameters / 1e6:.3f}",
                f"{each.flops / 1e9:.2f}",
                f"{printed:.2f}" if printed else UNKNOWN,
                f"{each.flops_2023 / 1e9:.2f}",
                f"{each.activations / 1e6:.2f}",
                str(each.convs),
            )
    return table


def _qualities(strangers: Strangers, formula: Formula | None) -> Table:
    """Scores on the images, bicubic's last; and by the year's formula, run time taken by either protocol."""
    table = _table("PSNR", "SSIM", "score, official times", "score, esr's")
    every = [*strangers.networks, *([strangers.baseline] if strangers.baseline else [])]
    measured = [(each, each.quality) for each in every if each.quality]
    for each, quality in measured:
        own = mean(quality.images)
        table.add_row(
            escape(printable(each.name)),
            f"{own.psnr_rgb:.4f}",
            f"{own.ssim_rgb:.4f}",
            _score(official_score(formula, each, strangers) if formula else None),
            _score(fair_score(formula, each, strangers) if formula else None),
        )
    plain = mean(measured[-1][1].bicubic)
    table.add_section()
    table.add_row("bicubic", f"{plain.psnr_rgb:.4f}", f"{plain.ssim_rgb:.4f}", "", "")
    return table


def _table(*heads: str) -> Table:
    table = Table("network")
    table.columns[0].overflow = "fold"
    for head in heads:
        table.add_column(head, justify="right")
    return table


def _score(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}" if value < 1e6 else f"{value:.2e}"
