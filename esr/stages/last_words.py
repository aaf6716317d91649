"""The line that a failed stage ended with, kept so that a driver can show it last.

The line is written when a stage begins, as that of a stage which was killed, because one that is killed can write
nothing any more; a stage that ends otherwise replaces or removes it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esr.common.errors import EsrError, Terminated, printable
from esr.common.files import write_text
from esr.common.lock import is_held
from esr.recipes.graph import Node

FOLDER = Path(".esr/complaints")
STAGE_LOCKS = Path(".esr/locks")


def lock_path(node: Node) -> Path:
    """The lock that the process which runs the stage holds."""
    return STAGE_LOCKS / node.scale / f"{node.kind}-{node.key or node.kind}.lock"


@contextmanager
def leaving_last_words(node: Node) -> Iterator[None]:
    """Keep what the stage ends with, unless it ends well; to be used by the holder of its lock."""
    place = _place(node)
    killed = "was killed (by a person, or by the system for lack of memory: `dmesg` tells)"
    write_text(place, f"esr: {node.name} {killed}; the same command goes on from what it had saved\n")
    try:
        yield
    except EsrError as error:
        named = any(name in str(error) for name in (node.name, f"{node.kind}.{node.key}"))
        _replace(place, f"esr: {error}" if named else f"esr: {node.name}: {error}")
        raise
    except Terminated as stop:
        _replace(place, f"esr: {stop}")
        raise
    except BaseException as error:
        _replace(place, f"esr: {node.name}: {type(error).__name__}: {error}; {node.log} may say more")
        raise
    place.unlink(missing_ok=True)


def _replace(place: Path, line: str) -> None:
    with suppress(EsrError):
        write_text(place, printable(line) + "\n")


def last_words() -> list[str]:
    """What the stages ended with that have failed since ``forget``; a stage that still runs has said nothing yet."""
    return [place.read_text(encoding="utf-8").strip() for place in sorted(FOLDER.glob("*/*.txt")) if not _runs(place)]


def failed(nodes: Iterable[Node]) -> set[str]:
    """The names of those of these stages that have failed since ``forget_last_words``."""
    return {node.name for node in nodes if (place := _place(node)).exists() and not _runs(place)}


def forget_last_words() -> None:
    """Forget the failures of earlier runs; called before a new one."""
    for place in FOLDER.glob("*/*.txt"):
        if not _runs(place):
            place.unlink(missing_ok=True)


def _place(node: Node) -> Path:
    return FOLDER / node.scale / f"{node.kind}-{node.key or node.kind}.txt"


def _runs(place: Path) -> bool:
    """Whether the stage that the file ``place`` belongs to is at work."""
    return is_held(STAGE_LOCKS / place.parent.name / f"{place.stem}.lock")
