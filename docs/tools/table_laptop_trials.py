"""docs/laptop.md's table of trials, from the record of benchmarks/laptop_trials.py."""

from statistics import mean
from typing import Any

from recorded import newest_results

BASE = "16x128"
WHAT = {
    "plain": "deploy form from random weights, in place of composed kernels",
    "teacher x 0.1": "beside a teacher, whose loss counts .1",
    "teacher x 1": "beside a teacher, whose loss counts 1",
    "16x192": "patches of 192 px",
    "16x96": "patches of 96 px",
    "8x192": "batches of 8, patches of 192 px",
    "8x128": "batches of 8",
    "8x96": "batches of 8, patches of 96 px",
    "8x96, rate 4e-3": "the same, rate 4e-3",
    "4x128": "batches of 4",
    "4x96": "batches of 4, patches of 96 px",
    "rate 1e-3": "rate 1e-3",
    "rate 4e-3": "rate 4e-3",
    "halved": "rate halved after each fifth, in place of a cosine",
    "no average": "no average of weights",
    "l1": "L1 in place of Charbonnier",
}
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "held out": "held out, RGB"}


def laptop_trials() -> str:
    """What each departure from the scale's choice is worth, dB: the mean over seeds, and its extremes."""
    trials = newest_results("laptop_trials")
    base = trials[BASE]
    lines = [
        f"| | iterations | seeds | {' | '.join(SETS.values())} |",
        f"|---|---:|---:|{'---:|' * len(SETS)}",
        _line("batches of 16, patches of 128 px, rate 2e-3", base, [f"{mean(_each(base, name)):.2f}" for name in SETS]),
    ]
    lines += [_line(what, trials[name], _gains(trials[name], base)) for name, what in WHAT.items() if name in trials]
    return "\n".join(lines) + "\n"


def _line(what: str, trial: dict[str, Any], cells: list[str]) -> str:
    return f"| {what} | {trial['iterations']:,} | {len(trial['dB'])} | {' | '.join(cells)} |"


def _each(trial: dict[str, Any], name: str) -> list[float]:
    return [found[name] for found in trial["dB"].values()]


def _gains(trial: dict[str, Any], base: dict[str, Any]) -> list[str]:
    """For each set, trial less base of the same seed."""
    return [_shown([found[name] - base["dB"][seed][name] for seed, found in trial["dB"].items()]) for name in SETS]


def _shown(gains: list[float]) -> str:
    if len(gains) == 1:
        return f"{gains[0]:+.2f}"
    return f"{mean(gains):+.2f} ({min(gains):+.2f} to {max(gains):+.2f})"
