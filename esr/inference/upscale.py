"""Any image made four times as large: the command ``upscale``."""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePath
from queue import SimpleQueue
from threading import Event
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from esr.common.complaints import refuse
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.freed_memory import keep_some_freed_memory
from esr.common.progress import Progress
from esr.images import bicubic
from esr.images.arrays import Image
from esr.images.image_files import LARGEST_SIDE, list_images, opened, read_picture
from esr.images.outputs import check_outputs, outputs_in
from esr.images.quick_png import write_png_quickly
from esr.inference.enlarge import enlarge
from esr.inference.side_by_side import side_by_side, stoppable
from esr.inference.super_resolve import restoring
from esr.inference.tile_size import pixels_that_fit_each
from esr.inference.tiles import check_tile_side
from esr.inference.torch_threads import on_threads
from esr.inference.upscaling_engine import EngineName, UpscalingEngine, choose_engine
from esr.weights.network_files import OWN_NETWORKS
from esr.weights.weights_file import load_network


class Enlargement(NamedTuple):
    """One image to enlarge.

    Attributes:
        source: its file.
        target: the PNG to make of it.
        pixels: LR px by its header; 0 where it will be refused.
        largest_side: px; it is refused if it has more.
    """

    source: Path
    target: Path
    pixels: int
    largest_side: int


class Upscaled(NamedTuple):
    """What was made.

    Attributes:
        files: the PNGs.
        engine: what computed them, for people.
    """

    files: list[Path]
    engine: str


def upscale_files(
    weights: Path,
    source: Path,
    target: Path,
    tile: int | None = None,
    overwrite: bool = False,
    largest_side: int = LARGEST_SIDE,
    network_file: Path | None = None,
    engine: EngineName = "auto",
) -> Upscaled:
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
        engine: what computes; OpenVINO runs on a CPU.

    Raises:
        EsrError: weights, images or an engine that cannot be used, or an output that is there already.
    """
    if tile is not None:
        check_tile_side(tile)
    if largest_side < 1:
        raise EsrError(f"--largest-side {largest_side} would refuse every image; give a number of px")
    wanted = _plan(source, target, overwrite, largest_side)
    network, info = load_network(weights, network_file)
    network.to("cuda" if torch.cuda.is_available() and engine != "openvino" else "cpu")
    pixels = sum(one.pixels for one in wanted)
    trusted = network_file is None and PurePath(info.network).is_relative_to(OWN_NETWORKS)
    untiled = 0 if tile else pixels  # tiles are worked by PyTorch
    chosen = choose_engine(engine, network, info.data_range, untiled, trusted)
    together, alone = _split(network, wanted)
    complaints: dict[Path, str] = {}
    with Progress(f"upscaling {source}", pixels, "megapixels", divide=1e6) as progress:
        for one, complaint in zip(together, _side_by_side(chosen, info.data_range, tile, together), strict=True):
            complaints[one.source] = complaint
            progress.add(one.pixels)
        if alone:
            by_all_cores = partial(
                enlarge, chosen.ready_for(1), data_range=info.data_range, tile=tile, progress=progress
            )
        for one in alone:
            complaints[one.source] = _make(one, by_all_cores)
    refuse(str(source), filter(None, (complaints[one.source] for one in wanted)))
    return Upscaled([one.target for one in wanted], chosen.name)


def _split(network: nn.Module, wanted: Sequence[Enlargement]) -> tuple[Sequence[Enlargement], Sequence[Enlargement]]:
    """The images to work side by side, and those to work alone: too large, or without another beside them."""
    most = pixels_that_fit_each(network, min(torch.get_num_threads(), len(wanted)))
    together = [one for one in wanted if one.pixels <= most]
    if len(together) < 2:
        return [], wanted
    return together, [one for one in wanted if one.pixels > most]


def _side_by_side(
    engine: UpscalingEngine, data_range: float, tile: int | None, wanted: Sequence[Enlargement]
) -> Iterator[str]:
    """Make the images an image per core, and give their complaints in order.

    Small networks share an image out to cores badly, and reading and writing not at all. A GPU takes one image after
    the other, while the cores read and write others. A forward pass may keep things in its modules: on a CPU each
    thread has a network of its own.
    """
    if not wanted:
        return
    keep_some_freed_memory()  # else a twentieth of the time goes into fetching it anew
    stop, threads = Event(), torch.get_num_threads()
    workers = min(threads, len(wanted))
    network = engine.ready_for(workers)
    copies = 1 if next(network.parameters()).is_cuda else workers
    idle: SimpleQueue[nn.Module] = SimpleQueue()
    for _ in range(copies):
        idle.put(stoppable(copy.deepcopy(network), stop))

    def by_the_next_idle(image: Image) -> Image:
        taken = idle.get()
        try:
            return enlarge(taken, image, data_range, tile)
        finally:
            idle.put(taken)

    with on_threads(threads // workers):
        yield from side_by_side(lambda one: _make(one, by_the_next_idle), wanted, workers, stop)


def _make(one: Enlargement, through_network: Callable[[Image], Image]) -> str:
    """Make one image; one that cannot be used becomes a complaint."""
    try:
        picture = read_picture(one.source, one.largest_side)
        with restoring(one.source):
            pixels = _enlarge_all(picture.pixels, through_network)
    except EsrError as error:
        return str(error)
    write_png_quickly(one.target, pixels, picture.icc_profile)
    return ""


def _enlarge_all(pixels: Image, through_network: Callable[[Image], Image]) -> Image:
    """Enlarge grey or colour through the network and, where there is one, the alpha channel behind it by bicubic."""
    colours = 3 if pixels.shape[2] > 2 else 1
    enlarged = through_network(pixels[..., :colours])
    if pixels.shape[2] == colours:
        return enlarged
    return np.concatenate([enlarged, bicubic.upscale(pixels[..., colours:], SCALE)], axis=2)


def _plan(source: Path, target: Path, overwrite: bool, largest_side: int) -> Sequence[Enlargement]:
    """The images to enlarge, and where each goes."""
    if source.is_dir():
        sources = list_images(source)
    elif source.exists():
        sources = [source]
    else:
        raise EsrError(f"{source} is missing; name an image or a folder of images")
    if source.is_dir() or target.is_dir() or not target.suffix:
        targets = outputs_in(target, sources, overwrite)
    elif target.suffix.lower() == ".png":
        targets = [target]
        check_outputs(targets, sources, overwrite)
    else:
        raise EsrError(f"{target} is not a .png, the one kind of file that is written; name a .png or a folder")
    counts = (_pixels(path, largest_side) for path in sources)
    return [Enlargement(*each, largest_side) for each in zip(sources, targets, counts, strict=True)]


def _pixels(path: Path, largest_side: int) -> int:
    """How many pixels there are to enlarge; none in an image that will be refused."""
    try:
        with opened(path, largest_side) as image:
            return image.width * image.height
    except EsrError:
        return 0
