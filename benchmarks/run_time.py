"""How far a run time can be believed: the same measurement over and over, by esr's protocol and by the challenge's.

A repeat times SlimRLFN beside RLFN in a process of its own, with the copy of RLFN that every session holds against
RLFN, and then both by the challenge's protocol, each in a process of its own. Weights are random: time does not depend
on them.

    python benchmarks/run_time.py --repeats 20 --record

Three answers: how much narrower esr's ratios lie over the repeats than the challenge's (the middle 95 % of each), how
often RLFN against itself held 1, and how often the interval told SlimRLFN from RLFN. End other programs first.

    python benchmarks/run_time.py --again RECORD

computes the answers of a record again from its rounds, where intervals have come to be computed otherwise; those of
the day on which it was measured stay beside them.
"""

import argparse
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from records import write_record
from run_time_ratios import challenge_ratio, own_ratio

from esr.evaluation.benchmark_file import OFFICIAL_IMAGES, Subject, official_time
from esr.evaluation.complexity_table import sides
from esr.recipes.scale import Measuring
from esr.timing.device import choose_device
from esr.timing.interval import verdict
from esr.timing.official import OfficialTime
from esr.timing.session import CONTROL, Candidate, Session, compare

WHAT = (
    "SlimRLFN beside RLFN, again and again: milliseconds of every pass of a session (esr's protocol, RLFN against"
    " itself included) and of the challenge's protocol; over the repeats, how narrow the ratios of either lie, how"
    " often RLFN against itself held 1, and how often the interval told the two networks apart."
)
SLIMRLFN, RLFN = (Subject(Path(f"esr/networks/{name}.py")) for name in ("slimrlfn", "rlfn"))


@dataclass(frozen=True)
class Repeat:
    """A session, and the challenge's times of SlimRLFN and of RLFN."""

    session: Session
    official: tuple[OfficialTime, OfficialTime]

    @property
    def official_ratio(self) -> float:
        """SlimRLFN's mean over RLFN's."""
        slimrlfn, rlfn = self.official
        return slimrlfn.mean_ms / rlfn.mean_ms


def main() -> None:
    """Measure, print a line per repeat and the answers, and write the record where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--size", default="256x256", help="height and width of the image in LR px")
    parser.add_argument("--seconds", type=float, default=30, help="of a session's rounds, at most")
    parser.add_argument("--images", type=int, default=OFFICIAL_IMAGES, help="passes of the challenge's protocol")
    parser.add_argument("--device", help="cpu, cuda or cuda:N; a GPU if there is one")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/DATE-run-time-DEVICE.json")
    parser.add_argument("--again", type=Path, metavar="RECORD", help="measure nothing; its answers from its rounds")
    options = parser.parse_args()
    if options.again:
        answer_again(options.again)
        return
    rule = Measuring(sizes=[sides(options.size)], seconds=options.seconds, narrow=0.002)
    device = choose_device(options.device)
    repeats: list[Repeat] = []
    for number in range(options.repeats):
        repeats.append(repeat(rule, device, options.images))
        print(f"{number + 1}: {told(repeats[-1])}", flush=True)
    measured = [raw(each) for each in repeats]
    answers = answer(measured)
    show(answers)
    if options.record:
        print(write_record(f"run-time-{device.type}", WHAT, {"answers": answers, "repeats": measured}))


def answer_again(path: Path) -> None:
    """Print the answers that a record's rounds give now, and write them into it."""
    record = json.loads(path.read_text())
    results = record["results"]
    then, now = results.get("answers on that day", results["answers"]), answer(results["repeats"])
    show(now)
    record["results"] = {"answers": now, "answers on that day": then, "repeats": results["repeats"]}
    path.write_text(json.dumps(record, indent=2) + "\n")


def repeat(rule: Measuring, device: torch.device, images: int) -> Repeat:
    """One repeat, in fresh processes."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        session = process.submit(time_beside, rule, device).result()
    slimrlfn, rlfn = (
        official_time(subject.path.stem, subject, rule.sizes, device, images) for subject in (SLIMRLFN, RLFN)
    )
    return Repeat(session, (slimrlfn, rlfn))


def time_beside(rule: Measuring, device: torch.device) -> Session:
    """SlimRLFN beside RLFN by esr's protocol."""
    slimrlfn, rlfn = (Candidate(each.path.stem, each.load()) for each in (SLIMRLFN, RLFN))
    return compare([slimrlfn], rlfn, rule.sizes[0], device, rule)


def told(each: Repeat) -> str:
    """A line for people."""
    ratio, control = each.session.ratio("slimrlfn"), each.session.control
    return (
        f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}, {len(each.session.rounds)} rounds); "
        f"RLFN against itself {control.low:.3f} to {control.high:.3f}; the challenge's way {each.official_ratio:.3f}"
    )


def answer(repeats: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What was asked, of repeats as a record keeps them."""
    ratios, controls = ([own_ratio(each, name) for each in repeats] for name in ("slimrlfn", CONTROL))
    ours = spread([ratio.value for ratio in ratios])
    theirs = spread([challenge_ratio(each) for each in repeats])
    apart = [verdict(ratio) in ("faster", "slower") for ratio in ratios]
    return {
        "repeats": len(repeats),
        "width of the ratio over the repeats, esr": ours,
        "width of the ratio over the repeats, the challenge's way": theirs,
        "times narrower": theirs / ours if ours else None,
        "RLFN against itself held 1": sum(control.holds(1) for control in controls),
        "SlimRLFN told from RLFN": sum(apart),
    }


def show(answers: dict[str, Any]) -> None:
    """Print a line for each."""
    print("\n".join(f"{question}: {given}" for question, given in answers.items()))


def spread(ratios: Sequence[float]) -> float:
    """How wide the middle 95 % of the ratios are, as a part of their median."""
    low, middle, high = np.percentile(ratios, [2.5, 50, 97.5])
    return float((high - low) / middle)


def raw(each: Repeat) -> dict[str, Any]:
    """Every pass in milliseconds, network by network; a session's in its rounds."""
    session = each.session
    passes = {
        name: [[round(ms, 3) for ms in times.passes[place]] for times in session.rounds]
        for place, name in enumerate(session.names)
    }
    official = {time.name: [round(ms, 3) for ms in time.times] for time in each.official}
    return {
        "esr": passes,
        "throttled": session.throttled,
        "load": [session.conditions.load_before, session.conditions.load_after],
        "official": official,
    }


if __name__ == "__main__":
    main()
