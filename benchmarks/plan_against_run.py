"""A plan against a run on the same machine.

In the project's folder, ``plan`` before the run or after it::

    make run
    python benchmarks/plan_against_run.py plan     # measure, and keep the plan
    python benchmarks/plan_against_run.py compare  # write a record

A stage's own time is what its journal spans; the plan's is without what every stage costs before and after its work,
which a journal does not see. The whole run is from the first stage's begin to the last one's end.
"""

import json
import sys
from pathlib import Path
from typing import Any

from records import write_record

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from esr.planning.phases import at_scale  # noqa: E402
from esr.planning.scale_plan import make_plan  # noqa: E402

KEPT = Path(".esr/plan.json")
WHAT = "Seconds that `esr plan` expected for each stage of a scale, and what the run took, on the same machine."


def keep_plan() -> None:
    """Measure and keep what is expected."""
    plan = make_plan(*at_scale(None), [])
    cost = plan.machine.stage_cost
    stages = {each.node.name: _own(each.seconds, each.low, each.high, cost) for each in plan.estimates}
    whole = {"planned_s": round(plan.likely), "low_s": round(plan.low), "high_s": round(plan.high)}
    kept = {"scale": plan.scale, "measured_in_s": round(plan.measured_in), "whole": whole, "stages": stages}
    KEPT.write_text(json.dumps(kept))


def _own(seconds: float, low: float, high: float, cost: float) -> dict[str, float]:
    """A stage's own time, without what every stage costs."""
    return {
        name: round(max(0.0, value - cost), 1)
        for name, value in {"planned_s": seconds, "low_s": low, "high_s": high}.items()
    }


def compare() -> None:
    """Hold what was kept against the journals, and write a record."""
    kept: dict[str, Any] = json.loads(KEPT.read_text())
    spans = {name: span for name in kept["stages"] if (span := _span(kept["scale"], name))}
    for name, (begin, end) in spans.items():
        kept["stages"][name]["ran_s"] = round(end - begin, 1)
    begun, ended = min(begin for begin, _ in spans.values()), max(end for _, end in spans.values())
    kept["whole"]["ran_s"] = round(ended - begun)
    trained = [stage for name, stage in kept["stages"].items() if stage.get("ran_s", 0) > 10]
    ratios = sorted(stage["ran_s"] / stage["planned_s"] for stage in trained)
    kept["ran / planned, of stages over 10 s"] = {
        "lowest": round(ratios[0], 2),
        "median": round(ratios[len(ratios) // 2], 2),
        "highest": round(ratios[-1], 2),
    }
    print(write_record("plan-against-run", WHAT, kept))


def _span(scale: str, name: str) -> tuple[float, float] | None:
    """A stage's first begin and the end of its work in its newest journal, in seconds; None where it has not run."""
    kind, _, key = name.partition("@")
    journals = sorted(Path(".esr/journal", scale, kind, key or kind).glob("*/events.jsonl"), key=_changed)
    if not journals:
        return None
    events = [json.loads(line) for line in journals[-1].read_text().splitlines()]
    finished = next((event for event in events if event.get("status") == "finished"), events[-1])
    return events[0]["time"] / 1e3, finished["time"] / 1e3


def _changed(path: Path) -> float:
    return path.stat().st_mtime


if __name__ == "__main__":
    {"plan": keep_plan, "compare": compare}[sys.argv[1]]()
