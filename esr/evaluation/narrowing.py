"""What part of its time a convolution with fewer channels would save, by running it."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from esr.evaluation.convolution_shape import ConvolutionShape
from esr.timing.rounds import take_turns, warm_up

PART = 3 / 4
WARM_SECONDS, SECONDS, NARROW = 0.2, 1.0, 0.02
"""Of one convolution beside its narrower ones, at most; and enough rounds."""


@dataclass(frozen=True)
class Saving:
    """The part of its time that a convolution saves with three quarters of its channels; None where groups forbid it.

    Below 0 where it takes longer: kernels are made for some numbers of channels.

    Attributes:
        fewer_out: with fewer output channels.
        fewer_in: with fewer input channels.
    """

    fewer_out: float | None
    fewer_in: float | None


def measure_savings(shapes: Iterable[ConvolutionShape], device: torch.device) -> dict[ConvolutionShape, Saving]:
    """The saving of each shape; equal ones are measured once.

    Each convolution runs alone, in turn with its narrower ones, and the least of its times counts, since what disturbs
    a machine only adds to it.
    """
    with torch.inference_mode():
        return {shape: _saving(shape, device) for shape in dict.fromkeys(shapes)}


def _saving(shape: ConvolutionShape, device: torch.device) -> Saving:
    narrower = {"fewer_out": shape.with_fewer_out(PART), "fewer_in": shape.with_fewer_in(PART)}
    beside = {name: each for name, each in narrower.items() if each}
    if not beside:
        return Saving(None, None)
    passes = [each.timed(device) for each in (*beside.values(), shape)]
    warm_up(passes, WARM_SECONDS)
    rounds = take_turns(passes, len(beside), SECONDS, NARROW)
    least = [min(ms for each in rounds for ms in each.passes[place]) for place in range(len(passes))]
    saved = {name: 1 - least[place] / least[-1] for place, name in enumerate(beside)}
    return Saving(saved.get("fewer_out"), saved.get("fewer_in"))
