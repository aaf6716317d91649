"""An LR set made of a folder of HR images: the command ``downscale``."""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from esr.common.complaints import refuse
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.progress import Progress
from esr.images.bicubic import Edges, downscale
from esr.images.image_files import crop_to_multiple, list_images, read_picture, write_png
from esr.images.outputs import outputs_in


def downscale_folder(hr: Path, lr: Path, edges: Edges = "mirror", overwrite: bool = False) -> int:
    """Shrink every image of ``hr`` four times by MATLAB's bicubic, into a PNG of its name in ``lr``.

    Images are cut at the right and the bottom to multiples of 4 first. Grey stays grey, 16 bits stay 16, an alpha
    channel is shrunk too, and an ICC profile is kept. With the images that can be used, all the others are named.

    Args:
        hr: folder of images.
        lr: folder to write to; made if missing.
        edges: what lies outside an image, as for :func:`esr.images.bicubic.downscale`.
        overwrite: replace files that are there already.

    Returns:
        How many images were made.

    Raises:
        EsrError: no images, images that cannot be used, or files that are there already; all are named.
    """
    images = list_images(hr)
    outputs = outputs_in(lr, images, overwrite)

    complaints = []
    with ThreadPoolExecutor() as pool, Progress(f"shrinking {hr}", len(images), "images") as progress:
        for complaint in pool.map(_shrink, images, outputs, repeat(edges)):
            progress.add(1)
            complaints.append(complaint)
    refuse(str(hr), filter(None, complaints))
    return len(images)


def _shrink(source: Path, target: Path, edges: Edges) -> str:
    """Make one LR image; an image that cannot be used becomes a complaint."""
    try:
        picture = read_picture(source)
    except EsrError as error:
        return str(error)
    pixels = crop_to_multiple(picture.pixels, SCALE)
    if not pixels.size:
        return f"{source} has a side below {SCALE} px"
    try:
        smaller = downscale(pixels, SCALE, edges)
    except MemoryError:
        return f"{source}: memory does not hold it; end other programs, or cut it into smaller images"
    write_png(target, smaller, picture.icc_profile)
    return ""
