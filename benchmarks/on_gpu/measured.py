"""Measured: run time of every network by our protocol and by the challenge's, in its best mode, and its memory."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from engine_variants import DEVICE

from esr.common.yaml_file import read_yaml
from esr.evaluation.benchmark_file import Subject, official_time
from esr.evaluation.benchmark_text import session_json
from esr.evaluation.complexity_table import sides
from esr.evaluation.modes_text import SEEN, modes_json
from esr.recipes.graph import PARAMS_FILE
from esr.recipes.scale import Measuring
from esr.timing.clock import milliseconds_by, random_image
from esr.timing.memory import peak_memory
from esr.timing.modes import MODES, compare_modes
from esr.timing.session import CONTROL, Candidate, Session, compare, hold_session
from esr.weights.weights_file import data_range_of
from on_gpu.extent import Given
from on_gpu.notes import Notes
from on_gpu.plan import SIZES

BASELINE = "rlfn"
NARROW = 0.002


def subject(name: str) -> Subject:
    """A network with random weights: time does not depend on them."""
    return Subject(Path(f"esr/networks/{name}.py"))


def rule_of(given: Given, size: str) -> Measuring:
    """How long a session takes, and on which size of image."""
    chosen = given.extent.size or sides(size)
    return Measuring(sizes=[chosen], seconds=given.extent.passes_seconds, narrow=NARROW)


def session(given: Given, notes: Notes, size: str) -> None:
    """All networks beside RLFN by esr's protocol, eager in channels_last."""
    rule = rule_of(given, size)
    candidates = [Candidate(name, subject(name).load()) for name in given.extent.networks if name != BASELINE]
    baseline = Candidate(BASELINE, subject(BASELINE).load())
    notes.once("session", lambda: session_json(compare(candidates, baseline, rule.sizes[0], DEVICE, rule)))
    notes.once("published", published_ratios)


def published_ratios() -> dict[str, dict[str, Any]]:
    """The run times that entries were published with, over those of the baseline that was printed beside them."""
    found = {name: entry.get("published", {}) for name, entry in read_yaml(PARAMS_FILE)["entries"].items()}
    return {
        name: {
            "ratio": round(each["runtime_ms"] / each["baseline_ms"], 4),
            "baseline": str(each["baseline"]).lower(),
            "on": str(each.get("runtime_on", "a machine of the team's")),
        }
        for name, each in found.items()
        if "baseline_ms" in each
    }


def official(given: Given, notes: Notes, size: str) -> None:
    """Each network by the challenge's protocol, in a process of its own."""
    for name in given.extent.networks:

        def measured(name: str = name) -> dict[str, Any]:
            time = official_time(name, subject(name), rule_of(given, size).sizes, DEVICE, given.extent.official_images)
            return {
                "mean_ms": round(time.mean_ms, 4),
                "median_ms": round(time.median_ms, 4),
                "cold_share": round(time.cold_share, 4),
                "times": [round(ms, 3) for ms in time.times],
            }

        notes.tried(name, measured)


def memory(given: Given, notes: Notes, _: str) -> None:
    """MiB at the peak of a pass, as the organisers print it."""
    for name in given.extent.networks:
        for size in SIZES:
            chosen = rule_of(given, size).sizes[0]
            notes.tried(f"{name}, {size}", partial(peak_memory, subject(name).load, chosen, DEVICE))


def modes(given: Given, notes: Notes, name: str) -> None:
    """Every way to run a network at the first size, in turn in one session."""
    rule, network = rule_of(given, SIZES[0]), subject(name).load()
    notes.once("modes", lambda: modes_json(compare_modes(network, data_range_of(network), rule.sizes[0], DEVICE, rule)))


def best_mode(found: dict[str, Any]) -> str:
    """The fastest mode whose pixels are fp32's."""
    times = {found["baseline"]["name"]: found["baseline"]["time_ms"]}
    for each in found["networks"]:
        difference = found["differences"][each["name"]]
        if difference is not None and difference < SEEN:
            times[each["name"]] = each["time_ms"]
    return str(min(times, key=lambda mode: float(times[mode])))


def best(given: Given, notes: Notes, size: str) -> None:
    """All networks beside RLFN, each in the mode that was the fastest for it at the first size."""
    chosen = {name: best_mode(found["modes"]) for name in given.extent.networks if (found := notes.of(f"modes {name}"))}
    if BASELINE not in chosen:
        notes.failed(
            "session", ValueError(f"the best mode of {BASELINE} is not known; measure 'modes {BASELINE}' first")
        )
        return
    notes.once("modes", lambda: chosen)
    notes.once("session", lambda: session_json(_in_best_modes(chosen, rule_of(given, size))))


def _in_best_modes(chosen: dict[str, str], rule: Measuring) -> Session:
    image = random_image(*rule.sizes[0], DEVICE).contiguous()
    ways = {mode.name: mode for mode in MODES}
    torch.compiler.reset()

    def timed(name: str) -> Any:
        network = subject(name).load()
        placed = copy.deepcopy(network).eval().to(DEVICE)
        runner = ways[chosen[name]].prepare(placed, image * data_range_of(network))
        return lambda: milliseconds_by(DEVICE, runner)

    others = [name for name in chosen if name != BASELINE]
    passes = {name: timed(name) for name in [*others, BASELINE]}
    return hold_session({**passes, CONTROL: timed(BASELINE)}, rule.sizes[0], DEVICE, rule)
