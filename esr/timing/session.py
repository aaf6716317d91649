"""A session: networks timed beside a baseline in one process, with the baseline against itself as a control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from esr.common.freed_memory import keep_freed_memory
from esr.recipes.scale import Measuring
from esr.timing.clock import (
    Pass,
    device_name,
    flush_l2,
    nothing,
    on_every_core,
    random_image,
    timed,
    usable_cores,
)
from esr.timing.conditions import Conditions, load, read_conditions
from esr.timing.gpu_sensor import gpu_sensor
from esr.timing.interval import Interval, Verdict, verdict
from esr.timing.rounds import WARMUP_SECONDS, RoundTimes, median_ms, no_sensor, ratio, take_turns, warm_up

CONTROL = "baseline again"
NOISY = 0.1
"""A control whose interval is wider than this part of 1 cannot tell networks apart that differ by as much."""


@dataclass(frozen=True)
class Candidate:
    """A network under the name by which a session calls it."""

    name: str
    network: nn.Module


@dataclass(frozen=True)
class Session:
    """What was measured on one size of image.

    Attributes:
        names: the networks in the order of every round's passes; the baseline and its copy, the control, come last.
        rounds: every round, for whoever wants to compute again.
        height, width: of the image, in LR px.
        threads: CPU threads that PyTorch used.
        device: the GPU's name, or CPU.
        warm_up: seconds before the rounds.
        conditions: the machine meanwhile.
        flushed: whether the GPU's L2 cache was emptied before every pass.
    """

    names: tuple[str, ...]
    rounds: tuple[RoundTimes, ...]
    height: int
    width: int
    threads: int
    device: str
    warm_up: float
    conditions: Conditions
    flushed: bool = False

    @property
    def baseline(self) -> str:
        """The baseline's name."""
        return self.names[-2]

    def time_ms(self, name: str) -> float:
        """The median over a network's passes."""
        return median_ms(self.rounds, self.names.index(name))

    def ratio(self, name: str, to: str | None = None) -> Interval:
        """A network's time over the baseline's, or over another network's."""
        return ratio(self.rounds, self.names.index(name), self.names.index(to or self.baseline))

    def verdict(self, name: str) -> Verdict:
        """What the ratio to the baseline says; nothing can be told where the control fails."""
        return "cannot tell" if self.doubt else verdict(self.ratio(name))

    @property
    def control(self) -> Interval:
        """The copy of the baseline against the baseline: 1 must lie in it."""
        return self.ratio(CONTROL)

    @property
    def throttled(self) -> int:
        """Rounds in which the GPU slowed itself down."""
        return sum(bool(each.throttled) for each in self.rounds)

    @property
    def doubt(self) -> str:
        """Why the session is not to be believed; empty where there is no reason."""
        control = self.control
        between = f"{control.low:.3f} to {control.high:.3f}"
        if not control.holds(1):
            return f"the baseline against itself gave {between}, without 1"
        if control.width > NOISY:
            return f"the machine was too noisy: the baseline against itself gave {between}"
        return ""


def compare(
    networks: Sequence[Candidate],
    baseline: Candidate,
    size: tuple[int, int],
    device: torch.device,
    rule: Measuring,
    flush: bool = False,
) -> Session:
    """Time ``networks`` beside ``baseline`` on an image of ``size`` (LR height and width), with every core.

    All run in inference mode on the same random fp32 image, with channels_last memory and PyTorch's default precision
    (TF32 convolutions on the GPUs that have them, as in the organisers' runs). The networks given are left as they are.
    On a GPU, ``flush`` empties the L2 cache before every pass. On a CPU the process keeps the memory that it frees.
    """
    keep_freed_memory()
    image = random_image(*size, device)
    before = flush_l2(device) if flush else nothing
    passes = {each.name: timed(each.network, image, before) for each in (*networks, baseline)}
    passes[CONTROL] = timed(baseline.network, image, before)
    return hold_session(passes, size, device, rule, flush)


def hold_session(
    passes: Mapping[str, Pass], size: tuple[int, int], device: torch.device, rule: Measuring, flushed: bool = False
) -> Session:
    """Let passes over an image of ``size`` take turns with every core, in inference mode.

    The last but one is what the others are held against; the last is its copy, the control.
    """
    height, width = size
    load_before, sensor = load(), gpu_sensor(device)
    with on_every_core(), torch.inference_mode():
        runs = list(passes.values())
        seconds = warm_up(runs, min(WARMUP_SECONDS, rule.seconds))
        rounds = take_turns(runs, len(runs) - 2, rule.seconds, rule.narrow, sensor.read if sensor else no_sensor)
        threads = torch.get_num_threads()
    return Session(
        names=tuple(passes),
        rounds=tuple(rounds),
        height=height,
        width=width,
        threads=threads,
        device=device_name(device),
        warm_up=seconds,
        conditions=read_conditions(usable_cores(), load_before, sensor),
        flushed=flushed,
    )
