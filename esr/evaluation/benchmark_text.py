"""What ``esr benchmark WEIGHTS...`` prints: tables for people, or JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.common.errors import printable
from esr.evaluation.benchmark_file import Measured
from esr.evaluation.complexity_table import print_complexities
from esr.evaluation.scores import print_scores
from esr.timing.interval import Interval
from esr.timing.official import OfficialTime
from esr.timing.session import CONTROL, Session
from esr.timing.size_mix import SizeMix


def print_json(measured: Measured) -> None:
    """Print ``{"networks": [...], "baseline": NAME, "run_time": [...], "official": [...]}``."""
    qualities: Sequence[Any] = measured.qualities or [None] * len(measured.names)
    content = {
        "networks": [
            {
                "name": name,
                "complexity": asdict(complexity),
                "memory_mb": memory,
                "quality": quality.to_json() if quality else None,
            }
            for name, complexity, memory, quality in zip(
                measured.names, measured.complexities, measured.memories, qualities, strict=True
            )
        ],
        "baseline": measured.baseline,
        "run_time": [{**session_json(session), **mix_json(measured.mix)} for session in measured.sessions],
        "official": [official_json(each) for each in measured.official],
    }
    print(json.dumps(content, indent=2))


def print_measured(measured: Measured) -> None:
    """Print tables, and after them why a session is not to be believed, if it is not."""
    print_complexities(dict(zip(measured.names, measured.complexities, strict=True)), as_json=False)
    for name, memory in zip(measured.names, measured.memories, strict=True):
        if memory is not None:
            print(f"{printable(name)}: {memory:,.0f} MiB at the peak of a pass over the first size")
    for session in measured.sessions:
        print_session(session, measured.mix.told if measured.mix else "")
    if measured.official:
        print_official(measured.official, measured.baseline)
    for name, quality in zip(measured.names, measured.qualities, strict=False):
        if len(measured.names) > 1:
            print(f"\n{printable(name)}")
        print_scores(quality, as_json=False)


def session_json(session: Session) -> dict[str, Any]:
    """A session with its ratios, its control, the machine, and every pass."""
    return {
        "height": session.height,
        "width": session.width,
        "device": session.device,
        "threads": session.threads,
        "rounds": len(session.rounds),
        "throttled": session.throttled,
        "l2_flushed": session.flushed,
        "warm_up_seconds": session.warm_up,
        "networks": [
            {
                "name": name,
                "time_ms": session.time_ms(name),
                "ratio": asdict(session.ratio(name)),
                "verdict": session.verdict(name),
            }
            for name in session.names[:-2]
        ],
        "baseline": {"name": session.baseline, "time_ms": session.time_ms(session.baseline)},
        "control": asdict(session.control),
        "doubt": session.doubt,
        "conditions": asdict(session.conditions),
        "passes": {name: [each.passes[place] for each in session.rounds] for place, name in enumerate(session.names)},
    }


def mix_json(mix: SizeMix | None) -> dict[str, Any]:
    """What takes the place of the one size of a session; nothing where it has one."""
    if mix is None:
        return {}
    sizes = [{"height": height, "width": width, "images": count} for (height, width), count in mix.counts.items()]
    return {"height": None, "width": None, "sizes": sizes}


def official_json(time: OfficialTime) -> dict[str, Any]:
    """The official figures of a network, and every image's time."""
    return {
        "name": time.name,
        "mean_ms": time.mean_ms,
        "median_ms": time.median_ms,
        "first_ms": time.times[0],
        "cold_share": time.cold_share,
        "times": time.times,
    }


def print_session(session: Session, mix: str = "") -> None:
    """Print a session as a table, and why it is not to be believed, if it is not; a ``mix`` of sizes in words."""
    where = f"{printable(session.device)}, threads: {session.threads}, rounds: {len(session.rounds)}"
    images = escape(printable(mix)) or f"{session.width}x{session.height} LR px"
    table = Table(title=f"run time for {images} ({where})", title_justify="left")
    table.add_column("network")
    for head in ("ms", f"time / {escape(printable(session.baseline))}", "95 % interval"):
        table.add_column(head, justify="right")
    table.add_column("verdict")
    for name in session.names[:-2]:
        ratio = session.ratio(name)
        figures = f"{session.time_ms(name):,.2f}", f"{ratio.value:.3f}", between(ratio), session.verdict(name)
        table.add_row(escape(printable(name)), *figures)
    baseline = session.baseline
    table.add_row(escape(printable(baseline)), f"{session.time_ms(baseline):,.2f}", "1", "", "")
    control = session.control
    table.add_row(CONTROL, f"{session.time_ms(CONTROL):,.2f}", f"{control.value:.3f}", between(control), "control")
    Console(highlight=False).print(table)
    print_doubt(session)


def print_doubt(session: Session) -> None:
    """Say why the session is not to be believed, and how often the GPU slowed down, where there is something to say."""
    if session.doubt:
        print(f"Do not believe these times: {session.doubt}; end other programs and measure again")
    if session.throttled:
        print(f"The GPU slowed itself down in {session.throttled} of {len(session.rounds)} rounds, for heat or power")


def print_official(times: Sequence[OfficialTime], baseline: str) -> None:
    """Print the official figures as a table; the baseline comes last."""
    title = f"run time by the challenge's protocol ({len(times[0].times)} images, each once, cold start included)"
    table = Table(title=title, title_justify="left")
    table.add_column("network")
    for head in ("mean ms", f"/ {escape(printable(baseline))}", "median ms", "first ms", "cold start's share"):
        table.add_column(head, justify="right")
    for each in times:
        table.add_row(
            escape(printable(each.name)),
            f"{each.mean_ms:,.2f}",
            f"{each.mean_ms / times[-1].mean_ms:.3f}",
            f"{each.median_ms:,.2f}",
            f"{each.times[0]:,.2f}",
            f"{each.cold_share:.0%}",
        )
    Console(highlight=False).print(table)


def between(interval: Interval) -> str:
    """An interval's ends."""
    return f"{interval.low:.3f} to {interval.high:.3f}"
