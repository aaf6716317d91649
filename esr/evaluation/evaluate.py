"""The quality of a network, or of finished images, on a folder of HR images: the command ``evaluate``."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch

from esr.common.complaints import refuse
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.progress import Progress
from esr.evaluation.scores import Evaluation, Scores, score
from esr.images import bicubic
from esr.images.arrays import ByteImage
from esr.images.image_files import crop_to_multiple, list_images, read_picture, to_rgb
from esr.images.pairs import pair_with_lr, pair_with_sr
from esr.images.quality import SMALLEST_SIDE
from esr.inference.enlarge import enlarge
from esr.inference.super_resolve import restoring
from esr.weights.weights_file import load_network

_MOST_THREADS = 8


class Files(NamedTuple):
    """The files of one image: HR, its LR if there is one, and its restored image if that is what is scored."""

    name: str
    hr: Path
    lr: Path | None = None
    sr: Path | None = None


Restore = Callable[[Files, ByteImage], ByteImage]
"""Makes the image to score from its files and its LR, HWC with 1 or 3 channels."""


def evaluate_network(
    weights: Path, hr: Path, lr: Path | None = None, rounded_y: bool = False, network_file: Path | None = None
) -> Evaluation:
    """Score a weights file, and bicubic beside it.

    Args:
        weights: a weights file of esr's.
        hr: folder of HR images; they are cut at the right and the bottom to multiples of 4.
        lr: folder of their LR images; made by MATLAB's bicubic when None.
        rounded_y: as for :func:`esr.evaluation.scores.score`.
        network_file: as for :func:`esr.weights.weights_file.load_network`.

    Raises:
        EsrError: weights or images that cannot be used, or images without a partner; all images are named.
    """
    files = _with_lr([Files(path.stem, path) for path in list_images(hr)], hr, lr)
    network, info = load_network(weights, network_file)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    one_at_a_time = Lock()

    def restore(files: Files, image: ByteImage) -> ByteImage:
        with one_at_a_time, restoring(files.hr):
            return enlarge(network, image, info.data_range)

    return _evaluate(hr, files, restore, rounded_y)


def evaluate_images(sr: Path, hr: Path, lr: Path | None = None, rounded_y: bool = False) -> Evaluation:
    """Score the finished images of the folder ``sr``; the rest as for :func:`evaluate_network`."""
    files = [Files(pair.name, pair.hr, sr=pair.partner) for pair in pair_with_sr(hr, sr)]

    def restore(files: Files, _: ByteImage) -> ByteImage:
        assert files.sr is not None
        return _read(files.sr)

    return _evaluate(hr, _with_lr(files, hr, lr), restore, rounded_y)


def _with_lr(files: Sequence[Files], hr: Path, lr: Path | None) -> Sequence[Files]:
    if lr is None:
        return files
    partners = {pair.hr: pair.partner for pair in pair_with_lr(hr, lr)}
    return [each._replace(lr=partners[each.hr]) for each in files if each.hr in partners]


def _evaluate(hr: Path, files: Sequence[Files], restore: Restore, rounded_y: bool) -> Evaluation:
    """Read, restore and score in threads: one image restored while others are scored."""

    def attempt(one: Files) -> tuple[Scores, Scores] | str:
        try:
            return _score_one(one, restore, rounded_y)
        except EsrError as error:
            return str(error)

    results, complaints = [], []
    threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(threads) as pool, Progress(f"scoring {hr}", len(files), "images") as progress:
        for outcome in pool.map(attempt, files):
            progress.add(1)
            if isinstance(outcome, str):
                complaints.append(outcome)
            else:
                results.append(outcome)
    refuse(str(hr), complaints)
    images, plain = zip(*results, strict=True)
    return Evaluation([one.name for one in files], images, plain)


def _score_one(files: Files, restore: Restore, rounded_y: bool) -> tuple[Scores, Scores]:
    """The scores of the restored image and of bicubic's."""
    hr = crop_to_multiple(_read(files.hr), SCALE)
    height, width = hr.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise EsrError(f"{files.hr} is {width}x{height} px and scores need {SMALLEST_SIDE} px on each side")
    if files.lr is None:
        lr = bicubic.downscale(hr, SCALE)
    else:
        lr = _like(_read(files.lr)[: height // SCALE, : width // SCALE], hr)
    restored = _like(restore(files, lr)[:height, :width], hr)
    return score(restored, hr, rounded_y), score(bicubic.upscale(lr, SCALE), hr, rounded_y)


def _read(path: Path) -> ByteImage:
    """uint8 HWC, with one channel where the file is grey and three elsewhere."""
    picture = read_picture(path)
    rgb = to_rgb(path, picture)
    return rgb[..., :1] if picture.pixels.shape[2] < 3 else rgb


def _like(image: ByteImage, hr: ByteImage) -> ByteImage:
    """The image with the channels of ``hr``: colour becomes grey by its mean, as ``upscale`` makes grey images."""
    if hr.shape[2] == 1 and image.shape[2] == 3:
        grey: ByteImage = image.mean(axis=2, keepdims=True).round().astype(np.uint8)
        return grey
    return np.broadcast_to(image, (*image.shape[:2], hr.shape[2]))
