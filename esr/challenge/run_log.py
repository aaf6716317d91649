"""The log of the organisers' script: the means of every run, where no results.json holds them.

A run begins with a line that holds the network's name alone, and its values stand at the ends of the lines that follow.
"""

import re
from pathlib import Path
from typing import Any

from esr.common.errors import EsrError
from esr.evaluation.organisers import TeamResults

NAMES = "NTIRE*-EfficientSR.log"
_LINE = re.compile(r"\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ : (?P<text>.*)")
_TEAM = re.compile(r"\s*\d+_\S+\s*")
_VALUES = {
    "runtime": re.compile(r".*Average runtime of \((valid|test)\) is : ([0-9.]+) milliseconds"),
    "psnr": re.compile(r".*Average PSNR of \((valid|test)\) is : ([0-9.]+) dB"),
}
_COUNTS = {
    "activations": re.compile(r"\s*#Activations : ([0-9.]+) \[M\]"),
    "num_conv": re.compile(r"\s*#Conv2d : ([0-9]+)"),
    "flops": re.compile(r"\s*FLOPs : ([0-9.]+) \[G\]"),
    "num_parameters": re.compile(r"\s*#Params : ([0-9.]+) \[M\]"),
}
_MEMORY = re.compile(r"\s*Max Memory : ([0-9.]+) \[M\]")


def read_log(path: Path) -> list[TeamResults]:
    """Every run that was finished, in order; it has means, and no values of images.

    Raises:
        EsrError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise EsrError(f"{path} cannot be read ({error.strerror}); make it readable") from error
    runs: list[dict[str, Any]] = []
    for line in lines:
        if not (found := _LINE.fullmatch(line)):
            continue
        text = found["text"]
        if _TEAM.fullmatch(text):
            runs.append({"team": text.strip()})
        elif runs:
            runs[-1].update(_said(text, runs[-1]))
    return [TeamResults.model_validate(run) for run in runs if "num_parameters" in run]


def _said(text: str, run: dict[str, Any]) -> dict[str, Any]:
    """What a line of a run says, by the name that a results.json has for it."""
    for name, pattern in _VALUES.items():
        if found := pattern.fullmatch(text):
            return {f"{found[1]}_ave_{name}": float(found[2])}
    for name, pattern in _COUNTS.items():
        if found := pattern.fullmatch(text):
            return {name: int(found[1]) if name == "num_conv" else float(found[1])}
    if found := _MEMORY.fullmatch(text):  # it stands before the means of its set, the validation set's first
        return {"test_memory" if "valid_memory" in run else "valid_memory": float(found[1])}
    return {}
