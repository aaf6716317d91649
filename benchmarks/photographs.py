"""Photographs to measure with: 1024x768 cuts of those that come with scikit-image and scikit-learn.

Enlarged cuts alone would be too smooth, and PNG too fast at them; a little sensor noise brings the files to the
13 bits per pixel or so that photographs of a camera have.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from esr.images.bicubic import downscale
from esr.sources.standin import copy_stand_ins

WIDTH, HEIGHT = 1024, 768
NOISE = 2.5  # standard deviation, in levels


def make_photographs(folder: Path, count: int) -> None:
    """Have ``count`` HR images lie in ``folder``/hr and their bicubic LR images in ``folder``/lr."""
    if len(list((folder / "lr").glob("*.png"))) == count:
        return
    copy_stand_ins("training", folder / "originals")
    originals = [Image.open(path).convert("RGB") for path in sorted((folder / "originals").iterdir())]
    (folder / "hr").mkdir(exist_ok=True)
    (folder / "lr").mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(count):
        hr = _cut(originals[i % len(originals)], random)
        Image.fromarray(hr).save(folder / f"hr/{i:04}.png")
        Image.fromarray(downscale(hr)).save(folder / f"lr/{i:04}x4.png")


def _cut(original: Image.Image, random: np.random.Generator) -> np.ndarray:
    scale = min(original.width / WIDTH, original.height / HEIGHT) * random.uniform(0.6, 1)
    width, height = int(WIDTH * scale), int(HEIGHT * scale)
    left = int(random.integers(0, original.width - width + 1))
    top = int(random.integers(0, original.height - height + 1))
    cut = original.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, (left, top, left + width, top + height))
    noisy = np.asarray(cut) + random.normal(0, NOISE, (HEIGHT, WIDTH, 3))
    return noisy.clip(0, 255).round().astype(np.uint8)
