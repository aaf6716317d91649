"""docs/measuring-time.md on SlimRLFN's run time over RLFN's, again and again: the record of benchmarks/run_time.py."""

from itertools import combinations
from textwrap import fill
from typing import Any

import numpy as np
from recorded import newest_record, read_record, short
from run_time_ratios import challenge_ratio, own_ratio, quotients

WIDTH = 130  # columns of the page's lines
HELD = "RLFN against itself held 1"
DEVIATION = "deviation of one process's turns"


def run_time() -> str:
    """What was measured, the picture of it, and how far either protocol can be believed."""
    record = newest_record("run-time-cpu")
    found = read_record(record)
    repeats = found["results"]["repeats"]
    made = (
        f"On {found['machine']['cores']} cores ({found['machine']['cpu']}), by `{found['command']}`\n"
        f"(`benchmarks/records/{record.name}`):"
    )
    picture = f"![{len(repeats)} ratios by either protocol, esr's with their intervals](images/ratios.svg)"
    said = [_told_apart(found["results"]), _narrower(found["results"]), _sessions(repeats), _drift(repeats)]
    bullets = [fill(f"* {each}", WIDTH, subsequent_indent="  ", break_long_words=False) for each in said]
    return "\n".join([made, "", picture, "", *bullets]) + "\n"


def _told_apart(results: dict[str, Any]) -> str:
    answers = results["answers"]
    held, apart = answers[HELD], answers["SlimRLFN told from RLFN"]
    then = results.get("answers on that day", answers)[HELD]
    others = "" if then == held else f" Were each round independent of the one before, it would be {then}."
    return (
        f"RLFN against itself held 1 in {held} of {answers['repeats']} sessions, and {apart} told SlimRLFN from RLFN."
        + others
    )


def _narrower(results: dict[str, Any]) -> str:
    answers, repeats = results["answers"], results["repeats"]
    ours = answers["width of the ratio over the repeats, esr"]
    theirs = answers["width of the ratio over the repeats, the challenge's way"]
    turned = sum(challenge_ratio(repeat) > 1 for repeat in repeats)
    return (
        f"The middle 95 % of esr's ratios are {100 * ours:.0f} % of their median wide, those of the challenge's way"
        f" {100 * theirs:.0f} %: **{answers['times narrower']:.1f} times narrower**; four was the aim."
        f" {turned} times of {len(repeats)} the challenge's way put RLFN ahead of SlimRLFN."
    )


def _sessions(repeats: list[dict[str, Any]]) -> str:
    ratios = [own_ratio(repeat) for repeat in repeats]
    values = [ratio.value for ratio in ratios]
    pairs = list(combinations(ratios, 2))
    apart = sum(one.high < other.low or other.high < one.low for one, other in pairs)
    return (
        f"The sessions' ratios lie between {short(min(values), 2)} and {short(max(values), 2)}. Of {len(pairs)} pairs"
        f" of sessions, {apart} have intervals that share no value."
    )


def _drift(repeats: list[dict[str, Any]]) -> str:
    """The session whose two halves lie furthest apart."""
    halves = [halves_of(repeat) for repeat in repeats]
    first, second = max(halves, key=lambda medians: abs(medians[1] - medians[0]))
    return (
        f"Within a session the ratio drifts as well: in the one that did so most, the first half of the rounds had a"
        f" median of {short(first, 2)}, the second one of {short(second, 2)}."
    )


def sessions_in_turn() -> str:
    """Processes that took turns over the same minutes: how far they lie apart, and how far the turns of one do."""
    record = newest_record("sessions-in-turn")
    results = read_record(record)["results"]
    medians, answers = results["answers"]["processes' medians"], results["answers"]
    text = (
        f"Of {len(medians)} processes that took {len(results['ratios by turn'])} turns each over the same minutes"
        f" (`benchmarks/sessions_in_turn.py`, `benchmarks/records/{record.name}`), the medians of the ratio lay between"
        f" {short(min(medians), 3)} and {short(max(medians), 3)}, and the turns of one process deviated by"
        f" {short(answers[DEVIATION], 3)} from one another."
    )
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


def halves_of(repeat: dict[str, Any]) -> tuple[float, float]:
    """The medians of SlimRLFN's time over RLFN's over the first half of a session's rounds, and over the second."""
    first, second = np.array_split(quotients(repeat), 2)
    return float(np.median(first)), float(np.median(second))
