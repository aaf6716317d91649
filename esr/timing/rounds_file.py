"""Every round of a session as a line of a CSV file, from which an interval can be computed again."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from esr.common.files import write_text
from esr.timing.session import Session


def write_rounds(path: Path, sessions: Sequence[Session]) -> None:
    """Write a line per size, round and network: both passes in milliseconds, the GPU's clock, whether it throttled."""
    lines = [
        {
            "height": session.height,
            "width": session.width,
            "round": number,
            "network": name,
            "first_ms": first,
            "second_ms": second,
            "clock_mhz": each.clock_mhz,
            "throttled": each.throttled,
        }
        for session in sessions
        for number, each in enumerate(session.rounds)
        for name, (first, second) in zip(session.names, each.passes, strict=True)
    ]
    write_text(path, pd.DataFrame(lines).to_csv(index=False, lineterminator="\n"))
