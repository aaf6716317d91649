"""Networks timed on the sizes that the images of a folder have, each as often as it occurs there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from esr.common.errors import EsrError
from esr.common.freed_memory import keep_freed_memory
from esr.images.header import read_header
from esr.images.listing import image_files
from esr.recipes.scale import Measuring
from esr.timing.clock import Before, Pass, flush_l2, nothing, random_image, timed
from esr.timing.session import CONTROL, Candidate, Session, hold_session

Size = tuple[int, int]
"""LR height and width."""


@dataclass(frozen=True)
class SizeMix:
    """How many images of a folder have each size."""

    folder: Path
    counts: Mapping[Size, int]

    @property
    def images(self) -> list[Size]:
        """The size of every image."""
        return [size for size, count in self.counts.items() for _ in range(count)]

    @property
    def largest(self) -> Size:
        """The size with the most pixels."""
        return max(self.counts, key=lambda size: (size[0] * size[1], size))

    @property
    def told(self) -> str:
        """In words: ``100 images of LR (27 sizes, up to 510x339 LR px)``."""
        (height, width), sizes, images = self.largest, len(self.counts), len(self.images)
        some = f"{images} image{'s' if images > 1 else ''}", f"{sizes} size{'s' if sizes > 1 else ''}"
        return f"{some[0]} of {self.folder} ({some[1]}, up to {width}x{height} LR px)"


def read_mix(folder: Path) -> SizeMix:
    """The sizes of the images below ``folder``, by their headers.

    Raises:
        EsrError: there is no image, or one cannot be read.
    """
    if not folder.is_dir():
        raise EsrError(f"{folder} is no folder; name one with LR images")
    headers = [read_header(folder / path) for path in image_files(folder)]
    if not headers:
        raise EsrError(f"{folder} holds no image; name a folder with LR images")
    return SizeMix(folder, Counter((each.height, each.width) for each in headers))


def compare_on_mix(
    networks: Sequence[Candidate],
    baseline: Candidate,
    mix: SizeMix,
    device: torch.device,
    rule: Measuring,
    flush: bool = False,
) -> Session:
    """As :func:`esr.timing.session.compare`, where a pass is one over each size, and takes the mean over the images.

    The session bears the largest size.
    """
    keep_freed_memory()
    before = flush_l2(device) if flush else nothing
    passes = {each.name: _over_sizes(each.network, mix, device, before) for each in (*networks, baseline)}
    passes[CONTROL] = _over_sizes(baseline.network, mix, device, before)
    return hold_session(passes, mix.largest, device, rule, flush)


def _over_sizes(network: nn.Module, mix: SizeMix, device: torch.device, before: Before) -> Pass:
    """Runs ``network`` on each size; gives the mean of the milliseconds, each size as often as it occurs."""
    passes = [(count, timed(network, random_image(*size, device), before)) for size, count in mix.counts.items()]
    return lambda: sum(count * run() for count, run in passes) / len(mix.images)
