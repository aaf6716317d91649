"""What of this machine concerns every stage, measured once."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import torch

from esr.common.factor import SCALE
from esr.images.bicubic import upscale
from esr.images.quality import psnr, ssim
from esr.planning.photographs import Photographs
from esr.timing.clock import usable_cores

EXCERPT = 160  # LR px a side that scoring is timed on


@dataclass(frozen=True)
class Machine:
    """What was measured.

    Attributes:
        stage_cost: seconds of every stage before and after its own work: Python, imports, journal.
        packing: seconds per HR pixel, of reading, hashing, shrinking and packing.
        scoring: seconds per HR pixel, of bicubic, PSNR and SSIM.
        cores: that this process may use.
        gpus: names of the GPUs.
        gpu_bytes: memory of the first one.
    """

    stage_cost: float
    packing: float
    scoring: float
    cores: int
    gpus: tuple[str, ...]
    gpu_bytes: int

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU to train on."""
        return bool(self.gpus)

    def __str__(self) -> str:
        """For people."""
        processors = f"{self.cores} CPU core{'s' if self.cores != 1 else ''}"
        if not self.gpus:
            return f"{processors}, no GPU"
        return f"{processors}, {len(self.gpus)} x {self.gpus[0]} with {self.gpu_bytes / 2**30:.0f} GiB"


def measure_machine(photographs: Photographs) -> Machine:
    """Measure this machine; takes some seconds."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Machine(
        stage_cost=_stage_cost(),
        packing=photographs.seconds_per_pixel,
        scoring=_scoring(photographs),
        cores=usable_cores(),
        gpus=tuple(torch.cuda.get_device_name(index) for index in range(count)),
        gpu_bytes=torch.cuda.get_device_properties(0).total_memory if count else 0,
    )


def _stage_cost() -> float:
    start = time.perf_counter()
    code = "import esr.cli, esr.stages.running, esr.training.stage"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
    return time.perf_counter() - start


def _scoring(photographs: Photographs) -> float:
    images = photographs.images
    lr = images.lr(0)[:EXCERPT, :EXCERPT]
    hr = images.hr(0)[: lr.shape[0] * SCALE, : lr.shape[1] * SCALE]
    start = time.perf_counter()
    enlarged = upscale(lr, SCALE)
    for _ in ("the network's image", "bicubic's"):
        psnr(enlarged, hr)
        ssim(enlarged, hr)
    return (time.perf_counter() - start) / float(hr.shape[0] * hr.shape[1])
