"""Checkpoints from which a killed training goes on as if nothing had happened.

A checkpoint is a sha256 followed by what torch.save wrote. The one before is kept: where a power cut or a full disk
has spoiled the newest, the one before takes its place.
"""

import hashlib
import io
import time
from pathlib import Path
from typing import Any

import torch

from esr.common.files import whole_file

State = dict[str, Any]

SHORTEST_INTERVAL = 1.0  # seconds between two saves
LARGEST_SHARE = 0.005  # of the time that may go into saving


class Checkpoints:
    """The two newest states of one training, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.latest = folder / "latest.ckpt"
        self.previous = folder / "previous.ckpt"
        self._next_save = time.monotonic() + SHORTEST_INTERVAL

    def due(self) -> bool:
        """Whether it is time to save: rarely enough that saving costs less than 1 % of the time."""
        return time.monotonic() >= self._next_save

    def save(self, state: State) -> None:
        """Write the state whole or not at all; what was newest becomes the one before."""
        begun = time.monotonic()
        buffer = io.BytesIO()
        torch.save(state, buffer)
        payload = buffer.getvalue()
        if _read(self.latest) is not None:
            self.latest.replace(self.previous)
        with whole_file(self.latest) as temporary:
            temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
        ended = time.monotonic()
        self._next_save = ended + max(SHORTEST_INTERVAL, (ended - begun) / LARGEST_SHARE)

    @property
    def newest_is_spoilt(self) -> bool:
        """Whether the newest state is there and not whole: a power cut, a failing disk, somebody's hand."""
        return self.latest.exists() and _read(self.latest) is None

    @property
    def spoilt(self) -> bool:
        """Whether states were saved and none of them is whole."""
        return any(path.exists() for path in (self.latest, self.previous)) and self.load() is None

    def load(self) -> State | None:
        """The newest state that is whole, on the CPU; None where there is none."""
        for path in (self.latest, self.previous):
            payload = _read(path)
            if payload is not None:
                state: State = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
                return state
        return None


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, payload = content[:32], content[32:]
    return payload if hashlib.sha256(payload).digest() == digest else None
