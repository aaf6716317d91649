"""Any image made four times as large: the command ``upscale``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from esr.common.complaints import refuse
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.progress import Progress
from esr.images import bicubic
from esr.images.arrays import Image
from esr.images.image_files import LARGEST_SIDE, image_size, list_images, read_picture, write_png
from esr.images.outputs import check_outputs, outputs_in
from esr.inference.super_resolve import restoring, super_resolve
from esr.inference.tile_size import plan_tiles
from esr.inference.tiles import check_tile_side, super_resolve_tile
from esr.weights.weights_file import load_network


def upscale_files(
    weights: Path,
    source: Path,
    target: Path,
    tile: int | None = None,
    overwrite: bool = False,
    largest_side: int = LARGEST_SIDE,
    network_file: Path | None = None,
) -> list[Path]:
    """Enlarge an image, or every image of a folder, into PNGs.

    Colour and grey go through the network; an alpha channel is enlarged by bicubic, which keeps what is opaque opaque.
    8 bits give 8 bits, 16 give 16. EXIF orientation is applied, an ICC profile is kept. When some images of a folder
    cannot be used, the others are made, and then all of the former are named.

    Args:
        weights: a weights file of esr's.
        source: an image or a folder of them.
        target: a folder to write to, made if missing; or, for a single image, the name of a .png.
        tile: side in LR px of the tiles to work in, a multiple of 24; by default as large as memory allows.
        overwrite: replace files that are there already.
        largest_side: px; larger images are refused.
        network_file: as for :func:`esr.weights.weights_file.load_network`.

    Returns:
        The files written.

    Raises:
        EsrError: weights or images that cannot be used, or an output that is there already.
    """
    if tile is not None:
        check_tile_side(tile)
    if largest_side < 1:
        raise EsrError(f"--largest-side {largest_side} would refuse every image; give a number of px")
    sources, targets = _plan(source, target, overwrite)
    network, info = load_network(weights, network_file)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    complaints, written = [], []
    with Progress(f"upscaling {source}", sum(map(_pixels, sources)), "megapixels", divide=1e6) as progress:
        for path, output in zip(sources, targets, strict=True):
            try:
                picture = read_picture(path, largest_side)
                with restoring(path):
                    pixels = _enlarge_all(network, picture.pixels, info.data_range, tile, progress)
            except EsrError as error:
                complaints.append(str(error))
                continue
            write_png(output, pixels, picture.icc_profile)
            written.append(output)
    refuse(str(source), complaints)
    return written


def enlarge(
    network: nn.Module, image: Image, data_range: float, tile: int | None = None, progress: Progress | None = None
) -> Image:
    """What ``super_resolve`` gives; within 1 level of it where memory or ``tile`` (LR px) asks for tiles.

    ``progress`` counts LR pixels.
    """
    height, width, channels = image.shape
    parts = plan_tiles(network, image, data_range, tile)
    if not parts:
        out = super_resolve(network, image, data_range)
        if progress:
            progress.add(height * width)
        return out
    out = np.empty((SCALE * height, SCALE * width, channels), image.dtype)
    for part in parts:
        rows, columns = (slice(SCALE * kept.start, SCALE * kept.stop) for kept in (part.rows, part.columns))
        out[rows, columns] = super_resolve_tile(network, image, data_range, part)
        if progress:
            progress.add((part.rows.stop - part.rows.start) * (part.columns.stop - part.columns.start))
    return out


def _enlarge_all(network: nn.Module, pixels: Image, data_range: float, tile: int | None, progress: Progress) -> Image:
    """Enlarge grey or colour through the network and, where there is one, the alpha channel behind it by bicubic."""
    colours = 3 if pixels.shape[2] > 2 else 1
    enlarged = enlarge(network, pixels[..., :colours], data_range, tile, progress)
    if pixels.shape[2] == colours:
        return enlarged
    return np.concatenate([enlarged, bicubic.upscale(pixels[..., colours:], SCALE)], axis=2)


def _pixels(path: Path) -> int:
    """How many pixels there are to enlarge; none in an image that will be refused."""
    try:
        height, width = image_size(path)
    except EsrError:
        return 0
    return height * width


def _plan(source: Path, target: Path, overwrite: bool) -> tuple[Sequence[Path], Sequence[Path]]:
    """The images to enlarge, and where each goes."""
    if source.is_dir():
        sources = list_images(source)
    elif source.exists():
        sources = [source]
    else:
        raise EsrError(f"{source} is missing; name an image or a folder of images")
    if source.is_dir() or target.is_dir() or not target.suffix:
        return sources, outputs_in(target, sources, overwrite)
    if target.suffix.lower() != ".png":
        raise EsrError(f"{target} is not a .png, the one kind of file that is written; name a .png or a folder")
    check_outputs([target], sources, overwrite)
    return sources, [target]
