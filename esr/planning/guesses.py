"""What no factsheet says: the values that params.yaml marks ``[G]``, with the reasons that stand beside them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from esr.recipes.rows import Entry

MARK = "[G]"


@dataclass(frozen=True)
class Guess:
    """A value of this project's own.

    Attributes:
        row: the row, such as ``train/r2net-1``.
        key: the key in it, with dots where it is nested; empty where the whole row is meant.
        value: what stands there.
        reason: what stands beside the mark.
    """

    row: str
    key: str
    value: Any
    reason: str


def read_guesses(params_file: Path) -> list[Guess]:
    """Every marked value, in the order of the file."""
    content = YAML().load(params_file)
    return [
        guess
        for kind, table in content.items()
        if isinstance(table, CommentedMap)
        for key, row in table.items()
        if isinstance(row, CommentedMap)
        for guess in _of_row(f"{kind}/{key}", table, key, row)
    ]


def told_guesses(entry: str, about: Entry, rows: Collection[str], guesses: Sequence[Guess], trained: int) -> list[str]:
    """What no factsheet says of an entry, a line each: every value once, with the rows that it stands in.

    A row without a mark may be a factsheet's to the letter, or of an entry that has no factsheet.

    Args:
        entry: its key.
        about: the entry, with the guesses that no key says.
        rows: those to speak of, such as ``train/r2net-1``.
        guesses: of the whole file.
        trained: how many of the rows train.
    """
    places: dict[tuple[str, str], list[str]] = {}
    for guess in guesses:
        if guess.row in rows:
            what = f"{guess.key} {_as_written(guess.value)}" if guess.key else "the whole row"
            places.setdefault((what, guess.reason), []).append(guess.row.split("/")[1].removeprefix(f"{entry}-"))
    lines = []
    for (what, reason), found in places.items():
        where = "everywhere" if len(found) == trained > 1 else ", ".join(found)
        lines.append(f"{what} ({where}): {reason}")
    return [*lines, *about.guesses.values()]


def _as_written(value: object) -> str:
    """A value as params.yaml has it."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _of_row(name: str, table: CommentedMap, key: str, row: CommentedMap) -> Iterator[Guess]:
    reason = _reason(table, key)
    if reason is not None:
        yield Guess(name, "", None, reason)
        return  # the values in the row are not listed one by one
    yield from _of_mapping(name, row, "")


def _of_mapping(name: str, mapping: CommentedMap, prefix: str) -> Iterator[Guess]:
    for key, value in mapping.items():
        reason = _reason(_holder(mapping, key), key)
        if reason is not None:
            yield Guess(name, f"{prefix}{key}", value, reason)
        if isinstance(value, CommentedMap):
            yield from _of_mapping(name, value, f"{prefix}{key}.")


def _holder(mapping: CommentedMap, key: str) -> CommentedMap:
    """Where the key is written: in the mapping itself, or in the first of those merged into it (``<<``) that has it."""
    if key in dict(mapping.non_merged_items()):
        return mapping
    return _holder(next(merged for merged in mapping.merge if key in merged), key)


def _reason(mapping: CommentedMap, key: str) -> str | None:
    """What follows the mark in the comment at the end of the key's line; None where there is no mark."""
    comments = [token for token in mapping.ca.items.get(key, []) if token is not None]
    for token in comments:
        for comment in token if isinstance(token, list) else [token]:
            line = comment.value.splitlines()[0] if comment.value.strip() else ""
            if MARK in line:
                return str(line.split(MARK, 1)[1].strip())
    return None
