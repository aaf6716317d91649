"""What no factsheet says: the values that params.yaml marks ``[G]``, with the reasons that stand beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

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
