"""What ``esr benchmark --modes`` prints: a table per network and size, or JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.common.errors import printable
from esr.common.finite import finite_or_none
from esr.evaluation.benchmark_file import ModesAndCeiling
from esr.evaluation.benchmark_text import between, print_doubt, session_json
from esr.timing.modes import ModeSession
from esr.timing.session import CONTROL

SEEN = 0.5
"""Levels of 255 from which rounding gives other pixels."""


def print_modes_json(compared: Mapping[str, Sequence[ModesAndCeiling]]) -> None:
    """Print ``{"modes": [{"network": NAME, "differences": {...}, "missing": {...}, ...}]}``, a session each."""
    content = [{"network": name, **ceiling_json(each)} for name, sessions in compared.items() for each in sessions]
    print(json.dumps({"modes": content}, indent=2))


def ceiling_json(compared: ModesAndCeiling) -> dict[str, Any]:
    """As ``modes_json``, with the milliseconds at the device's ceiling and how near each mode comes to them."""
    near = {mode: compared.of_ceiling(mode) for mode in compared.modes.session.names[:-1]}
    return {**modes_json(compared.modes), "ceiling_ms": compared.ceiling_ms, "of_ceiling": near}


def modes_json(compared: ModeSession) -> dict[str, Any]:
    """A network's session with every pass, what its modes' outputs differ by, and which did not run.

    A half precision can overflow: that difference is null.
    """
    return {
        **session_json(compared.session),
        "differences": {mode: finite_or_none(difference) for mode, difference in compared.differences.items()},
        "missing": compared.missing,
    }


def print_modes(compared: Mapping[str, Sequence[ModesAndCeiling]]) -> None:
    """Print tables; under each the modes that did not run here, with the reason, and what is to be doubted."""
    for name, sessions in compared.items():
        for each in sessions:
            _print_modes(name, each)


def _print_modes(name: str, measured: ModesAndCeiling) -> None:
    compared, session = measured.modes, measured.modes.session
    where = f"{printable(session.device)}, threads: {session.threads}, rounds: {len(session.rounds)}"
    title = f"{escape(printable(name))} on {session.width}x{session.height} LR px ({where})"
    table = Table("mode", title=title, title_justify="left")
    for head in ("ms", f"time / {session.baseline}", "95 % interval"):
        table.add_column(head, justify="right")
    table.add_column("verdict")
    for head in ("ceiling", "differs by (of 255)"):
        table.add_column(head, justify="right")
    plain = session.baseline
    table.add_row(plain, f"{session.time_ms(plain):,.2f}", "1", "", "", f"{measured.of_ceiling(plain):.0%}", "")
    for mode in session.names[:-2]:
        ratio = session.ratio(mode)
        table.add_row(
            mode,
            f"{session.time_ms(mode):,.2f}",
            f"{ratio.value:.3f}",
            between(ratio),
            session.verdict(mode),
            f"{measured.of_ceiling(mode):.0%}",
            f"{compared.differences[mode]:.3f}",
        )
    control = session.control
    again = f"{session.time_ms(CONTROL):,.2f}"
    table.add_row(CONTROL, again, f"{control.value:.3f}", between(control), "control", "", "")
    console = Console(highlight=False)
    console.print(table)
    print(f"ceiling: the part of the time that the layers would take in fp32 at best, {measured.ceiling_ms:,.2f} ms")
    others = [mode for mode, difference in compared.differences.items() if not difference < SEEN]
    if others:
        print(f"Other pixels than fp32's, eager: {', '.join(others)}")
    for mode, reason in compared.missing.items():
        print(f"{mode} did not run: {printable(reason)}")
    print_doubt(session)
