"""What a benchmark's metrics.json holds: written by the stage ``benchmark``, read by the stage ``report``."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from esr.common.json_models import read_model
from esr.timing.interval import Interval, Verdict

CELL_HEIGHT, CELL_WIDTH = 256, 384
"""HR px of a cell of the strip of crops; a smaller image lies at its top left."""


class MetricsPart(BaseModel):
    """A part of the metrics: nothing unknown, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ComparedScores(MetricsPart):
    """A network's scores, and bicubic's beside them: in RGB by the challenge's rule, and in luma."""

    psnr: float = Field(description="dB")
    bicubic: float = Field(description="dB, of bicubic upscaling")
    ssim: float
    bicubic_ssim: float
    psnr_y: float = Field(description="dB, in luma; of a grey image on its own values")
    bicubic_y: float
    ssim_y: float
    bicubic_ssim_y: float


class ImageScores(ComparedScores):
    """One image, whole."""

    name: str


class SetScores(MetricsPart):
    """A set of images."""

    name: str
    stand_in: bool = Field(description="whether the images only stand in for the set's own")
    mean: ComparedScores | None = Field(description="over the images; None where there are none")
    images: list[ImageScores]


class Region(MetricsPart):
    """Where a row of the strip of crops was cut out of an image, in HR pixels."""

    name: str
    top: int
    left: int
    height: int
    width: int


class RunTime(MetricsPart):
    """A network's run time on one size of image, beside the baseline's, which took turns with it."""

    input_height: int = Field(description="of the image that was timed, in LR pixels")
    input_width: int
    time_ms: float = Field(description="median over the network's passes")
    baseline_ms: float = Field(description="median over the baseline's passes")
    ratio_to_baseline: float = Field(description="the network's time over the baseline's, median over rounds")
    ratio_to_baseline_low: float = Field(description="where its 95 % interval begins")
    ratio_to_baseline_high: float = Field(description="and ends")
    verdict: Verdict = Field(description="what the interval says")
    year_baseline_ms: float = Field(description="as baseline_ms, of the baseline of the entry's year")
    ratio_to_year_baseline: float = Field(description="as ratio_to_baseline, to the baseline of the entry's year")
    ratio_to_year_baseline_low: float
    ratio_to_year_baseline_high: float
    control_low: float = Field(description="95 % interval of the baseline against itself: 1 must lie in it")
    control_high: float
    doubt: str = Field(description="why these times are not to be believed; empty where there is no reason")
    rounds: int = Field(description="of two passes of each, that were timed")
    throttled: int = Field(description="rounds in which the GPU slowed itself down; they count like the others")

    @property
    def to_baseline(self) -> Interval:
        """The ratio to the baseline, with its interval."""
        return Interval(self.ratio_to_baseline, self.ratio_to_baseline_low, self.ratio_to_baseline_high)


class Metrics(ComparedScores, RunTime):
    """The metrics of a network in deploy form; scores are means over the first set, times are of the first size."""

    above_bicubic: float = Field(description="dB, psnr - bicubic")
    more_sizes: list[RunTime] = Field(description="run time on the other sizes")
    threads: int = Field(description="CPU threads while the time was measured")
    device: str = Field(description="the GPU's name, or CPU")
    memory_mb: float | None = Field(description="MiB at the peak of a pass on the first size: esr/timing/memory.py")
    conditions: dict[str, Any] = Field(description="the machine meanwhile: esr/timing/conditions.py")
    parameters: int
    flops: int = Field(description="multiply-accumulates at 256x256 LR pixels, by the counter of 2024 and 2025")
    flops_2023: int = Field(description="the same by the counter of 2023")
    activations: int = Field(description="elements of the outputs of all convolutions, at 256x256")
    convs: int
    stand_in: bool = Field(description="whether any image only stands in for its set's own")
    sets: list[SetScores] = Field(min_length=1)
    crops: list[Region] = Field(description="the rows of the strip, from the top")


def read_metrics(path: Path) -> Metrics:
    """Read a benchmark's metrics.

    Raises:
        EsrError: the file is missing, or holds something else.
    """
    return read_model(path, Metrics)
