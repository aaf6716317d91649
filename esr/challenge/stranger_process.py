"""A team's network in a process of its own, as the side that gives the orders sees it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from threading import Timer
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from esr.common.factor import SCALE
from esr.evaluation.complexity import Complexity
from esr.images.arrays import ByteImage

PASSED_ON = ("PATH", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
LONGEST = 600.0
"""Seconds for an order."""
GRACE = 5.0
"""Seconds in which a process that says no more may end by itself, so that its exit code is its own."""
LARGEST_ANSWER = 2**20
"""Bytes, without pixels."""


class StrangerFailed(Exception):
    """A team's code failed, or its process answered what it was not asked; the text is the reason."""


class Answer(BaseModel):
    """What the process says; the team's code may have said anything in its place."""

    unbarred: list[str] = []
    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)?$")] = ""
    complexity: Complexity | None = None
    milliseconds: Annotated[FiniteFloat, Field(gt=0)] | None = None
    reason: str = ""


class StrangerProcess:
    """A context in which the process lives, and whatever the team's code starts with it.

    Attributes:
        unbarred: what the system could not bar it from.
        device: where the network runs; empty before it is loaded.
    """

    def __init__(self, checkout: Path, number: int) -> None:
        self._checkout, self._number = checkout, number
        self.unbarred: list[str] = []
        self.device = ""
        self._late = False

    def __enter__(self) -> "StrangerProcess":
        self._folder = tempfile.TemporaryDirectory(prefix="esr-stranger-")
        scratch = self._folder.name
        self._socket, theirs = Pipe()
        arguments = [str(self._checkout), str(self._number), scratch, str(theirs.fileno())]
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "esr.challenge.stranger", *arguments],
                cwd=scratch,
                env=environment | {"HOME": scratch, "TMPDIR": scratch},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._end_all()
        self._folder.cleanup()

    def load(self) -> None:
        """Wait until the network is loaded.

        Raises:
            StrangerFailed: it cannot be, as for every order.
        """
        self.unbarred = self._received().unbarred
        self.device = self._received().device or "cpu"

    def count(self) -> Complexity:
        """The network's complexity at 256 x 256 LR pixels."""
        counted = self._ask({"do": "count"}).complexity
        if counted is None:
            raise StrangerFailed("its process counted nothing")
        return counted

    def enlarge(self, image: ByteImage) -> tuple[float, ByteImage]:
        """Milliseconds of one pass over an RGB image, uint8 HWC, and what it gave, four times as large."""
        height, width = image.shape[:2]
        larger = (SCALE * height, SCALE * width, 3)
        spent = _milliseconds(self._ask({"do": "enlarge", "height": height, "width": width}, image.tobytes()))
        pixels = self._received_bytes(int(np.prod(larger)))
        if len(pixels) != np.prod(larger):
            raise StrangerFailed(f"its image is not {SCALE} times as large as the LR image")
        return spent, np.frombuffer(pixels, np.uint8).reshape(larger)

    def prepare(self, size: tuple[int, int]) -> None:
        """Have an image of so many LR pixels, height and width, ready to be timed."""
        self._ask({"do": "prepare", "height": size[0], "width": size[1]})

    def timed_pass(self) -> float:
        """Milliseconds of one pass over that image."""
        return _milliseconds(self._ask({"do": "pass"}))

    def _ask(self, order: dict[str, Any], pixels: bytes = b"") -> Answer:
        with suppress(BrokenPipeError, ConnectionResetError):  # what it answered before, or how it ended, says more
            self._socket.send_bytes(json.dumps(order).encode())
            if pixels:
                self._socket.send_bytes(pixels)
        return self._received()

    def _received(self) -> Answer:
        try:
            answer = Answer.model_validate_json(self._received_bytes(LARGEST_ANSWER))
        except ValidationError as error:
            raise StrangerFailed("its process answered something else than it was asked") from error
        if answer.reason:
            raise StrangerFailed(answer.reason)
        return answer

    def _received_bytes(self, at_most: int) -> bytes:
        """The next message; a process that takes too long, also within one, is ended."""
        watch = Timer(LONGEST, self._end_late)
        watch.start()
        try:
            return self._socket.recv_bytes(at_most)
        except (EOFError, OSError) as error:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
            self._end_all()
            ended = f"its process ended with code {self._process.returncode}"
            raise StrangerFailed(f"it took more than {LONGEST:g} s" if self._late else ended) from error
        finally:
            watch.cancel()

    def _end_late(self) -> None:
        self._late = True
        self._end_all()

    def _end_all(self) -> None:
        """End the process and whatever the team's code has started and left behind."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _milliseconds(answer: Answer) -> float:
    if answer.milliseconds is None:
        raise StrangerFailed("its process timed nothing")
    return answer.milliseconds
