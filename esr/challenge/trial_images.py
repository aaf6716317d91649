"""The images that the teams' networks are tried on: passes of a network over all of them, and what it scores."""

import tempfile
from pathlib import Path

from esr.challenge.stranger_process import StrangerProcess
from esr.evaluation.evaluate import evaluate_images
from esr.evaluation.scores import Evaluation
from esr.images.downscale import downscale_folder
from esr.images.image_files import read_rgb, write_png
from esr.images.pairs import Pair, pair_with_lr


class TrialImages:
    """A context with pairs of HR and LR images; LR images that are not given are made in it.

    Attributes:
        hr: folder of the HR images.
        lr: folder of the LR images.
        pairs: in order of their names.
    """

    def __init__(self, hr: Path, lr: Path | None) -> None:
        """Remember the folders; nothing is read yet.

        Args:
            hr: folder of HR images.
            lr: folder of their LR images; made by MATLAB's bicubic when None.
        """
        self.hr, self._given = hr, lr

    def __enter__(self) -> "TrialImages":
        """Find the images.

        Raises:
            EsrError: images that cannot be used, or without a partner; all are named.
        """
        self._made = tempfile.TemporaryDirectory(prefix="esr-lr-")
        self.lr = self._given or Path(self._made.name)
        if self._given is None:
            downscale_folder(self.hr, self.lr)
        self.pairs: list[Pair] = pair_with_lr(self.hr, self.lr)
        return self

    def __exit__(self, *_: object) -> None:
        self._made.cleanup()


def restored(process: StrangerProcess, images: TrialImages) -> tuple[list[float], Evaluation]:
    """Milliseconds of one pass over each image, in order, and the scores of what the passes gave.

    The process is given LR images and gives back enlarged ones; it is asked for nothing else. Images are scored when
    all have passed, so that nothing runs beside a pass.

    Raises:
        StrangerFailed: the network cannot be run.
        EsrError: an image cannot be read or scored.
    """
    times = []
    with tempfile.TemporaryDirectory(prefix="esr-sr-") as folder:
        for pair in images.pairs:
            spent, image = process.enlarge(read_rgb(pair.partner))
            times.append(spent)
            write_png(Path(folder) / f"{pair.name}.png", image)
        return times, evaluate_images(Path(folder), images.hr, images.lr)
