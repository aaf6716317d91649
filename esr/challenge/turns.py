"""Run times of the teams' networks by esr's protocol: processes that take turns with the baseline's.

Each network keeps its own process, and only one of them computes at a time. In one process for all, a team's code could
change what the others run with (torch's settings and functions, the number of threads), and its crash would end them.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from esr.challenge.stranger_process import StrangerFailed, StrangerProcess
from esr.recipes.scale import Measuring
from esr.timing.clock import Pass
from esr.timing.session import CONTROL, Session, hold_session

SETTLE = 0.02
"""Seconds before a pass on a CPU: the threads of the process that ran last look for more work before they sleep."""


class _Dropped(Exception):
    """A network that cannot go on, by name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def take_turns_beside(
    processes: Mapping[str, StrangerProcess], baseline: str, control: StrangerProcess, rule: Measuring
) -> tuple[list[Session], dict[str, str]]:
    """Time networks beside the baseline.

    Args:
        processes: by name, loaded, the baseline's among them.
        baseline: its name.
        control: a second process of the baseline's, not yet loaded.
        rule: how long, and on which sizes of image.

    Returns:
        A session per size, of the networks that passed them all; and why each of the others did not, by name. There is
        no session where the baseline did not.
    """
    others = {name: process for name, process in processes.items() if name != baseline}
    living, reasons = {**others, baseline: processes[baseline], CONTROL: control}, dict[str, str]()
    while baseline in living and CONTROL in living:
        try:
            if not control.device:
                with _naming(CONTROL):
                    control.load()
            return [_session(living, size, rule) for size in rule.sizes], reasons
        except _Dropped as dropped:
            del living[dropped.name]
            reasons[baseline if dropped.name == CONTROL else dropped.name] = f"not timed in turns: {dropped}"
    return [], reasons


def _session(processes: Mapping[str, StrangerProcess], size: tuple[int, int], rule: Measuring) -> Session:
    device = torch.device(next(iter(processes.values())).device)
    for name, process in processes.items():
        with _naming(name):
            process.prepare(size)
    return hold_session({name: _pass(name, each, device) for name, each in processes.items()}, size, device, rule)


def _pass(name: str, process: StrangerProcess, device: torch.device) -> Pass:
    def run() -> float:
        if device.type == "cpu":
            time.sleep(SETTLE)
        with _naming(name):
            return process.timed_pass()

    return run


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Name the network that fails in the block."""
    try:
        yield
    except StrangerFailed as failed:
        raise _Dropped(name, str(failed)) from failed
