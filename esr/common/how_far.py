"""How far this process has come with its work, told in a small file to whoever shows it.

Nobody is told unless a place was named. The file is written at most once a second, is whole at any moment, and is
left behind by a process that is killed: a reader looks whether the process lives.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError


class HowFar(BaseModel):
    """How far a piece of work has come.

    Attributes:
        began: when the process took it up, in Unix seconds.
        unit: of what is counted; empty while nothing is.
        done, total: how much is done, of how much; None where that is not known.
        rate: how much is done in a second; 0 while that is unknown.
    """

    model_config = ConfigDict(frozen=True)

    began: float
    unit: str = ""
    done: float = 0.0
    total: float | None = None
    rate: float = 0.0

    @property
    def left(self) -> float | None:
        """Seconds until all is done; None where they are not known."""
        if self.total is None or self.rate <= 0:
            return None
        return max(0.0, (self.total - self.done) / self.rate)


class _Teller:
    """The place of this process, if it has one."""

    place: Path | None = None
    began = 0.0


@contextmanager
def telling_in(place: Path) -> Iterator[None]:
    """During the block this process tells in the file ``place`` how far it has come; it is removed in the end."""
    _Teller.place, _Teller.began = place, time.time()
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
    tell_nothing()
    try:
        yield
    finally:
        _Teller.place = None
        with suppress(OSError):
            place.unlink(missing_ok=True)


def is_told() -> bool:
    """Whether somebody shows how far this process has come."""
    return _Teller.place is not None


def tell(unit: str, done: float, total: float | None, rate: float) -> None:
    """Tell how far the work has come, as HowFar has it; never fails."""
    _write(HowFar(began=_Teller.began, unit=unit, done=done, total=total, rate=rate))


def tell_nothing() -> None:
    """Tell that the process works and counts nothing."""
    _write(HowFar(began=_Teller.began))


def _write(how_far: HowFar) -> None:
    if _Teller.place is None:
        return
    part = _Teller.place.with_suffix(".part")
    with suppress(OSError):  # a full disk is told by what it stops
        part.write_text(how_far.model_dump_json(), encoding="utf-8")
        part.replace(_Teller.place)


def read_how_far(place: Path) -> HowFar | None:
    """What the file says; None where there is none that can be read."""
    try:
        return HowFar.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None
