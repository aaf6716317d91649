"""``esr benchmark WEIGHTS...``: what the stage of that name measures, of any weights files and in any folder."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from esr.common.errors import EsrError
from esr.evaluation.benchmark import random_baseline
from esr.evaluation.complexity import Complexity, measure_complexity
from esr.evaluation.complexity_table import sides
from esr.evaluation.evaluate import evaluate_network
from esr.evaluation.layers import measure_layers
from esr.evaluation.scores import Evaluation
from esr.images.image_files import LARGEST_SIDE
from esr.recipes.scale import Measuring
from esr.timing.clock import on_every_core, usable_cores
from esr.timing.memory import peak_memory
from esr.timing.modes import ModeSession, compare_modes
from esr.timing.official import OfficialTime, images_of, official_times
from esr.timing.session import Candidate, Session, compare
from esr.timing.size_mix import SizeMix, compare_on_mix
from esr.weights.weights_file import data_range_of, load_network

RLFN = Path("esr/networks/rlfn.py")
OFFICIAL_IMAGES = 100
"""As many as DIV2K's validation set holds."""


@dataclass(frozen=True)
class Subject:
    """A network to time: a weights file in deploy form, or a network's file, which gets random weights.

    Attributes:
        path: the file.
        network_file: as for :func:`esr.weights.weights_file.load_network`.
    """

    path: Path
    network_file: Path | None = None

    def load(self) -> nn.Module:
        """The network in deploy form.

        Raises:
            EsrError: the file cannot be used, or holds a training form.
        """
        if self.path.suffix == ".py":
            return random_baseline(str(self.path))
        network, info = load_network(self.path, self.network_file)
        if not info.deploy:
            raise EsrError(f"{self.path} is in training form; give the weights that the stage fuse made of it")
        return network


@dataclass(frozen=True)
class Measured:
    """What was measured of some weights files.

    Attributes:
        names: of the files, in the order in which they were given.
        baseline: the baseline's name.
        complexities: a network each, at 256x256 LR pixels.
        memories: MiB at the peak of a pass on the first size, a number each; None where it cannot be read.
        qualities: scores on the folder; empty where none was given.
        sessions: run times by esr's protocol, a session per size; empty where the official one was asked for.
        official: run times by the challenge's protocol, the baseline's last; empty where esr's was asked for.
        mix: the sizes that one pass of the only session went over; None where a session has one size.
    """

    names: tuple[str, ...]
    baseline: str
    complexities: tuple[Complexity, ...]
    memories: tuple[float | None, ...]
    qualities: tuple[Evaluation, ...]
    sessions: tuple[Session, ...]
    official: tuple[OfficialTime, ...]
    mix: SizeMix | None = None


def timed_size(text: str) -> tuple[int, int]:
    """Height and width of ``HEIGHTxWIDTH``, for an image that is timed.

    Raises:
        EsrError: it is no such text, or the image would be too large.
    """
    size = sides(text)
    if max(size) > LARGEST_SIDE:
        raise EsrError(f"{text} is too large to be timed; give at most {LARGEST_SIDE} px on a side")
    return size


def measure_files(
    subjects: Sequence[Subject],
    baseline: Subject,
    rule: Measuring,
    device: torch.device,
    official: bool = False,
    hr: Path | None = None,
    lr: Path | None = None,
    flush: bool = False,
    mix: SizeMix | None = None,
) -> Measured:
    """Measure weights files beside a baseline.

    Args:
        subjects: at least one.
        baseline: what the run times are held against.
        rule: how long, and on which sizes of image.
        device: where the networks run.
        official: by the challenge's protocol, each network in a process of its own, in place of esr's.
        hr: folder of HR images to score on; none, and quality is left out.
        lr: folder of their LR images; made by MATLAB's bicubic when None.
        flush: empty the GPU's L2 cache before every pass of esr's protocol.
        mix: time on these sizes together, in place of each of the rule's by itself.

    Raises:
        EsrError: weights cannot be used or are in training form, or images cannot be used.
    """
    if lr and not hr:
        raise EsrError("--lr holds the LR images of --hr; give --hr too")
    names = _names([*subjects, baseline])
    networks = [subject.load() for subject in (*subjects, baseline)]
    qualities = [evaluate_network(each.path, hr, lr, network_file=each.network_file) for each in subjects] if hr else []
    candidates = [Candidate(name, network) for name, network in zip(names, networks, strict=True)]
    return Measured(
        names=names[:-1],
        baseline=names[-1],
        complexities=tuple(measure_complexity(network) for network in networks[:-1]),
        memories=tuple(peak_memory(each.load, mix.largest if mix else rule.sizes[0], device) for each in subjects),
        qualities=tuple(qualities),
        sessions=() if official else tuple(_sessions(candidates, rule, device, flush, mix)),
        official=tuple(_official_times(names, [*subjects, baseline], rule, device, mix)) if official else (),
        mix=mix,
    )


def _sessions(
    candidates: Sequence[Candidate], rule: Measuring, device: torch.device, flush: bool, mix: SizeMix | None
) -> Iterator[Session]:
    """The last candidate is the baseline."""
    *networks, baseline = candidates
    if mix:
        yield compare_on_mix(networks, baseline, mix, device, rule, flush)
        return
    yield from (compare(networks, baseline, size, device, rule, flush) for size in rule.sizes)


def _official_times(
    names: Sequence[str], subjects: Sequence[Subject], rule: Measuring, device: torch.device, mix: SizeMix | None
) -> Iterator[OfficialTime]:
    sizes, images = (mix.images, len(mix.images)) if mix else (rule.sizes, OFFICIAL_IMAGES)
    for name, subject in zip(names, subjects, strict=True):
        yield official_time(name, subject, sizes, device, images)


@dataclass(frozen=True)
class ModesAndCeiling:
    """A network's modes on one size, and how long its layers would take at the ceiling of the device in fp32.

    Attributes:
        modes: the session.
        ceiling_ms: as ``esr layers`` counts it: of each layer the longer of its operations and its bytes.
    """

    modes: ModeSession
    ceiling_ms: float

    def of_ceiling(self, mode: str) -> float:
        """How near a mode comes to it; above 1 in half precision, or where it moves less than the layers do."""
        return self.ceiling_ms / self.modes.session.time_ms(mode)


def measure_modes(
    subjects: Sequence[Subject], rule: Measuring, device: torch.device, flush: bool = False
) -> dict[str, list[ModesAndCeiling]]:
    """Time each network in every execution mode that ``device`` has: by its name, a session per size.

    Raises:
        EsrError: weights cannot be used or are in training form.
    """
    networks = [subject.load() for subject in subjects]
    return {
        name: [
            ModesAndCeiling(
                compare_modes(network, data_range_of(network), size, device, rule, flush),
                _ceiling_ms(network, size, device),
            )
            for size in rule.sizes
        ]
        for name, network in zip(_names(subjects), networks, strict=True)
    }


def _ceiling_ms(network: nn.Module, size: tuple[int, int], device: torch.device) -> float:
    costs = measure_layers(network, size, device, usable_cores(), seconds=0.0, with_savings=False)
    return sum(map(costs.least_ms, costs.layers))


def _names(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """The files' stems; their whole paths where two stems are equal, and numbers where a file is given again."""
    stems = [subject.path.stem for subject in subjects]
    names = [
        stem if stems.count(stem) == 1 else str(subject.path) for stem, subject in zip(stems, subjects, strict=True)
    ]
    before = [names[:place].count(name) for place, name in enumerate(names)]
    return tuple(f"{name} ({count + 1})" if count else name for name, count in zip(names, before, strict=True))


def official_time(
    name: str, subject: Subject, sizes: Sequence[tuple[int, int]], device: torch.device, images: int = OFFICIAL_IMAGES
) -> OfficialTime:
    """The challenge's protocol on so many images of ``sizes``, in a new process, whose start is as cold as there."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return OfficialTime(name, tuple(process.submit(_official, subject, sizes, device, images).result()))


def _official(subject: Subject, sizes: Sequence[tuple[int, int]], device: torch.device, images: int) -> list[float]:
    network = subject.load().to(device)
    with on_every_core():
        return official_times(network, images_of(sizes, images, device))
