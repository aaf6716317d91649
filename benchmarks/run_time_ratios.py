"""SlimRLFN's run time over RLFN's in a repeat of benchmarks/run_time.py, as its record keeps the passes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from esr.timing.interval import Interval, median_interval


def quotients(repeat: dict[str, Any], name: str = "slimrlfn") -> npt.NDArray[np.float64]:
    """A network's time over RLFN's, round by round of esr's session."""
    own, beside = (np.array(repeat["esr"][each]).sum(axis=1) for each in (name, "rlfn"))
    return np.asarray(own / beside)


def own_ratio(repeat: dict[str, Any], name: str = "slimrlfn") -> Interval:
    """The median of these quotients, with its interval."""
    return median_interval(quotients(repeat, name).tolist())


def challenge_ratio(repeat: dict[str, Any]) -> float:
    """The quotient of SlimRLFN's mean and RLFN's, as the challenge takes it."""
    return float(np.mean(repeat["official"]["slimrlfn"]) / np.mean(repeat["official"]["rlfn"]))
