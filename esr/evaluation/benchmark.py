"""The stage ``benchmark``: quality, complexity and run time of an entry's deploy form, a line of the leaderboard."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Protocol

import numpy as np
import torch
from torch import nn

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.files import write_json
from esr.common.progress import Progress
from esr.evaluation.complexity import measure_complexity
from esr.evaluation.layers import measure_layers
from esr.evaluation.layers_file import LayerTimes, write_layers
from esr.evaluation.metrics import (
    CELL_HEIGHT,
    CELL_WIDTH,
    ComparedScores,
    ImageScores,
    Metrics,
    Region,
    RunTime,
    SetScores,
)
from esr.evaluation.scores import score
from esr.images.arrays import ByteImage
from esr.images.bicubic import upscale
from esr.images.image_files import write_png
from esr.inference.super_resolve import restoring, super_resolve
from esr.packed.store import Part, open_set
from esr.recipes.rows import Benchmark
from esr.recipes.scale import Measuring
from esr.timing.clock import usable_cores
from esr.timing.memory import peak_memory
from esr.timing.rounds_file import write_rounds
from esr.timing.session import Candidate, Session, compare
from esr.weights.weights_file import build_network, load_network, try_network

CROP_IMAGES = 4  # rows of the strip, at most
BASELINE_SEED = 0
ENTRY = "entry"


@dataclass(frozen=True)
class Scored:
    """An image's scores, and its row of the strip with the place where that was cut."""

    scores: ImageScores
    region: Region
    strip: ByteImage


class Recorder(Protocol):
    """Receives what was measured. In a stage it is an esr.tracking.journal.Journal."""

    def metrics(self, step: int, **values: float) -> None:
        """Values of metrics."""

    def picture(self, name: str, file: Path) -> None:
        """A picture's file."""


@dataclass(frozen=True)
class Outputs:
    """What the stage writes: metrics and layers' times (JSON), crops (PNG), and every round that was timed (CSV)."""

    metrics: Path
    crops: Path
    rounds: Path
    layers: Path


def benchmark(
    row: Benchmark, rule: Measuring, weights: Path, manifest: Path, outputs: Outputs, journal: Recorder
) -> None:
    """Measure the network of ``weights`` on the sets of ``manifest``; write ``outputs``.

    Each part of a joined set is a set of its own. The first one's scores and crops are shown foremost, so it needs
    images; another one without any counts as not measured.

    The crops are one strip: a row for each of the images that bicubic restores worst, and in a row four equal cells,
    LR (nearest-enlarged), bicubic, the entry, HR. What is cut depends on the images alone, so it is the same for every
    entry. It is lossless, and large enough to be looked at by itself: four images take a megabyte and a half.

    Raises:
        EsrError: the weights are not in deploy form or not of the row's network, or the first set holds no image.
    """
    network, data_range = _load(row, weights)
    sets = open_set(manifest).parts
    if not sets[0].images:
        raise EsrError(f"{sets[0].manifest} holds no image to score; give its source images")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)
    scored = _score_all(network, data_range, sets)
    shown = _hardest(scored[0])
    write_png(outputs.crops, np.concatenate([image.strip for image in shown]))
    summaries = [_summary(part, images) for part, images in zip(sets, scored, strict=True)]
    sessions = _time(network, row, device, rule)
    write_rounds(outputs.rounds, sessions)
    write_layers(outputs.layers, _time_layers(network, device, rule))
    memory = peak_memory(partial(_loaded, weights), rule.sizes[0], device)
    measured = _metrics(network, row, sessions, memory, summaries, shown)
    write_json(outputs.metrics, measured.model_dump())
    journal.metrics(0, **{name: value for name, value in measured if isinstance(value, int | float)})
    journal.metrics(0, **{f"psnr_{each.name}": each.mean.psnr for each in summaries[1:] if each.mean})
    journal.metrics(0, **{f"psnr_y_{each.name}": each.mean.psnr_y for each in summaries[1:] if each.mean})
    journal.picture("crops", outputs.crops)


def hardest_region(bicubic: ByteImage, hr: ByteImage, height: int, width: int) -> tuple[int, int]:
    """Top and left of the part of that size, in HR px, on LR pixels, where bicubic's squared error is largest.

    The first such part is taken where several are equal.
    """
    error = np.square(bicubic.astype(np.int64) - hr).sum(axis=2)
    sums = np.pad(error, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    parts = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    on_lr = parts[::SCALE, ::SCALE]
    top, left = np.unravel_index(np.argmax(on_lr), on_lr.shape)
    return int(top) * SCALE, int(left) * SCALE


def _load(row: Benchmark, weights: Path) -> tuple[nn.Module, float]:
    network, info = load_network(weights)
    if not info.deploy:
        raise EsrError(f"{weights} is in training form; fuse it and name that stage in `from:`")
    if info.network != row.network:
        raise EsrError(f"{weights} belongs to {info.network}, not {row.network}; make `network:` and `from:` agree")
    return network, info.data_range


def random_baseline(network_file: str) -> nn.Module:
    """The baseline with seeded random weights: its run time does not depend on them, and no entry waits for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(BASELINE_SEED)
        network = build_network(network_file, {}, deploy=True)
    try_network(network, f"the baseline {network_file}")
    return network


def _score_all(network: nn.Module, data_range: float, sets: Sequence[Part]) -> list[list[Scored]]:
    """The images of each set."""
    scored: list[list[Scored]] = [[] for _ in sets]
    with Progress("scoring", sum(len(part.images) for part in sets), "images") as progress:
        for part, images in zip(sets, scored, strict=True):
            for index in range(len(part.images)):
                images.append(_score(network, data_range, part, index))
                progress.add(1)
    return scored


def _score(network: nn.Module, data_range: float, images: Part, index: int) -> Scored:
    name, lr, hr = images.images[index].name, images.lr(index), images.hr(index)
    if images.images[index].grey:  # one channel, as the file has and `esr evaluate` takes
        lr, hr = lr[..., :1], hr[..., :1]
    with restoring(name):
        bicubic, restored = upscale(lr, SCALE), super_resolve(network, lr, data_range)
    height, width = min(CELL_HEIGHT, hr.shape[0]), min(CELL_WIDTH, hr.shape[1])
    top, left = hardest_region(bicubic, hr, height, width)
    nearest = lr.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    cells = [_cell(image[top : top + height, left : left + width]) for image in (nearest, bicubic, restored, hr)]
    own, plain = score(restored, hr), score(bicubic, hr)
    scores = ImageScores(
        name=name,
        psnr=own.psnr_rgb,
        bicubic=plain.psnr_rgb,
        ssim=own.ssim_rgb,
        bicubic_ssim=plain.ssim_rgb,
        psnr_y=own.psnr_y,
        bicubic_y=plain.psnr_y,
        ssim_y=own.ssim_y,
        bicubic_ssim_y=plain.ssim_y,
    )
    region = Region(name=name, top=top, left=left, height=height, width=width)
    return Scored(scores, region, np.concatenate(cells, axis=1))


def _cell(image: ByteImage) -> ByteImage:
    """The image in a cell of the strip, in RGB; one that is smaller lies at the top left, on white."""
    height, width = image.shape[:2]
    image = np.broadcast_to(image, (height, width, 3))
    return np.pad(image, ((0, CELL_HEIGHT - height), (0, CELL_WIDTH - width), (0, 0)), constant_values=255)


def _hardest(scored: Sequence[Scored]) -> list[Scored]:
    """The images that bicubic restores worst, at most ``CROP_IMAGES`` of them, in the order of the set."""
    order = sorted(range(len(scored)), key=lambda index: scored[index].scores.bicubic)
    return [scored[index] for index in sorted(order[:CROP_IMAGES])]


def _summary(part: Part, scored: Sequence[Scored]) -> SetScores:
    images = [image.scores for image in scored]
    means = (
        {name: fmean(getattr(image, name) for image in images) for name in ComparedScores.model_fields}
        if images
        else None
    )
    return SetScores(
        name=part.manifest.parent.name,
        stand_in=part.stand_in,
        mean=ComparedScores(**means) if means else None,
        images=images,
    )


def _time(network: nn.Module, row: Benchmark, device: torch.device, rule: Measuring) -> list[Session]:
    """A session for each size; a baseline that is the year's as well takes part once."""
    beside = [Candidate(row.year_baseline, random_baseline(row.year_baseline))] * (row.year_baseline != row.baseline)
    baseline = Candidate(row.baseline, random_baseline(row.baseline))
    return [compare([Candidate(ENTRY, network), *beside], baseline, size, device, rule) for size in rule.sizes]


def _time_layers(network: nn.Module, device: torch.device, rule: Measuring) -> LayerTimes:
    """The time of every layer on the first size, in a small part of the time that the rounds may take."""
    seconds = rule.seconds / 10
    return measure_layers(network, rule.sizes[0], device, usable_cores(), seconds, with_savings=False).times


def _loaded(weights: Path) -> nn.Module:
    """The network of a weights file, by a function that another process can be told to call."""
    return load_network(weights)[0]


def _run_time(session: Session, row: Benchmark) -> RunTime:
    to_baseline, to_years = session.ratio(ENTRY), session.ratio(ENTRY, row.year_baseline)
    return RunTime(
        input_height=session.height,
        input_width=session.width,
        time_ms=session.time_ms(ENTRY),
        baseline_ms=session.time_ms(row.baseline),
        ratio_to_baseline=to_baseline.value,
        ratio_to_baseline_low=to_baseline.low,
        ratio_to_baseline_high=to_baseline.high,
        verdict=session.verdict(ENTRY),
        year_baseline_ms=session.time_ms(row.year_baseline),
        ratio_to_year_baseline=to_years.value,
        ratio_to_year_baseline_low=to_years.low,
        ratio_to_year_baseline_high=to_years.high,
        control_low=session.control.low,
        control_high=session.control.high,
        doubt=session.doubt,
        rounds=len(session.rounds),
        throttled=session.throttled,
    )


def _metrics(
    network: nn.Module,
    row: Benchmark,
    sessions: Sequence[Session],
    memory: float | None,
    sets: Sequence[SetScores],
    shown: Sequence[Scored],
) -> Metrics:
    first = sets[0].mean
    assert first is not None
    run_time, *more = [_run_time(session, row) for session in sessions]
    return Metrics(
        **first.model_dump(),
        above_bicubic=first.psnr - first.bicubic,
        **run_time.model_dump(),
        more_sizes=more,
        threads=sessions[0].threads,
        device=sessions[0].device,
        memory_mb=memory,
        conditions=dataclasses.asdict(sessions[0].conditions),
        **dataclasses.asdict(measure_complexity(network)),
        stand_in=any(each.stand_in for each in sets),
        sets=list(sets),
        crops=[image.region for image in shown],
    )
