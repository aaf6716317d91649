"""Small images whose pixels are known by construction, as files and in archives."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def coded_image(number: int, height: int, width: int, block: int) -> np.ndarray:
    """An image whose pixels say where they are: red = column / block, green = row / block, blue = ``number``."""
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = np.arange(width) // block
    image[..., 1] = np.arange(height)[:, None] // block
    image[..., 2] = number
    return image


def write_image(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def png_bytes(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def tar_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def coded_pairs(folder: Path, sizes: list[tuple[int, int]]) -> None:
    """HR images of these heights and widths in ``folder``/hr, and in ``folder``/lr the LR images that go with them.

    A pixel of LR and the 16 pixels of HR that it stands for have the same value, which tells image and place.
    """
    for number, (height, width) in enumerate(sizes):
        write_image(folder / f"hr/{number:04}.png", coded_image(number, height, width, 4))
        write_image(folder / f"lr/{number:04}x4.png", coded_image(number, height // 4, width // 4, 1))
