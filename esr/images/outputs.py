"""Where images that are made of other images go: never onto their inputs, onto other files only with ``overwrite``."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from esr.common.errors import EsrError


def outputs_in(folder: Path, inputs: Sequence[Path], overwrite: bool) -> list[Path]:
    """For each input image the PNG of its name in ``folder``.

    Raises:
        EsrError: two inputs would become one file, or as for :func:`check_outputs`.
    """
    outputs = [folder / f"{path.stem}.png" for path in inputs]
    twice = sorted(path.name for path, count in Counter(outputs).items() if count > 1)
    if twice:
        raise EsrError(f"{', '.join(twice)} would be made of two images each; rename the images")
    check_outputs(outputs, inputs, overwrite)
    return outputs


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path], overwrite: bool) -> None:
    """Check that nothing is lost by writing ``outputs``.

    Raises:
        EsrError: an output is an input, or is there already and ``overwrite`` is false; all are named.
    """
    sources = set(map(os.path.realpath, inputs))  # which, unlike Path.resolve, leaves links that lead in a circle
    replaced = [path for path in outputs if os.path.realpath(path) in sources]
    if replaced:
        raise EsrError(f"{_names(replaced)} would be replaced by what is made of it; name another output")
    existing = [] if overwrite else [path for path in outputs if os.path.lexists(path)]
    if existing:
        raise EsrError(f"{_names(existing)} is there already; name another output or pass --overwrite")


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths)
