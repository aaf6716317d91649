"""Rows that are put into params.yaml, whose every other byte stays as it is: comments, order, columns."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode

from esr.common.errors import EsrError
from esr.common.files import whole_file
from esr.common.yaml_file import read_yaml
from esr.recipes.read import check
from esr.recipes.telling import short

Rows = Mapping[str, Mapping[str, Mapping[str, str | float | bool]]]
"""Rows by their table and their key."""

_IN_ONE_LINE = 2  # columns at the most of a row that is written as {a: b, c: d}


def written(rows: Rows, indent: str = "  ") -> dict[str, list[str]]:
    """The lines of the rows, without line ends, by table."""
    return {table: [line for key, row in of.items() for line in _row(key, row, indent)] for table, of in rows.items()}


def refuse_existing(raw: Mapping[str, Any], rows: Rows) -> None:
    """Refuse a row whose key is there already.

    Raises:
        EsrError: names the rows.
    """
    there = [f"{table}.{key}" for table, of in rows.items() for key in of if key in (raw.get(table) or {})]
    if there:
        raise EsrError(f"params.yaml has {' and '.join(map(short, there))} already; choose another --name")


def add_rows(params_file: Path, rows: Rows) -> None:
    """Put rows at the end of their tables; the file is valid before and after, or stays as it is.

    Raises:
        EsrError: the file is not valid, has such rows already, has a table in a form that lines cannot be added to,
            or cannot be written.
    """
    raw = read_yaml(params_file)
    check(raw)
    refuse_existing(raw, rows)
    wanted = {**raw, **{table: {**(raw.get(table) or {}), **of} for table, of in rows.items()}}
    check(wanted)
    target = Path(os.path.realpath(params_file))
    with whole_file(target) as temporary:
        temporary.write_bytes(_with_rows(target.read_bytes().decode("utf-8"), rows).encode("utf-8"))
        if not _says(temporary, wanted):
            tables = ", ".join(rows)
            raise EsrError(f"{params_file}: no lines can be added to {tables} as they stand; add the rows by hand")


def _says(params_file: Path, wanted: Mapping[str, Any]) -> bool:
    try:
        return read_yaml(params_file) == wanted
    except EsrError:
        return False


def _with_rows(text: str, rows: Rows) -> str:
    """The text with the rows; whoever calls this checks that it says what it should."""
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += ending
    document = YAML(pure=True).compose(text)
    assert isinstance(document, MappingNode)  # the file was read as a mapping before
    tables = {key.value: (key, value) for key, value in document.value if isinstance(key, ScalarNode)}
    for table in sorted(
        rows, key=lambda table: -tables[table][0].start_mark.line
    ):  # from below: lines above keep theirs
        key, value = tables[table]
        if isinstance(value, MappingNode) and not value.value:  # `join: {}`
            line = key.start_mark.line
            lines[line] = lines[line].replace("{}", "", 1).rstrip() + ending
            place, indent = line + 1, "  "
        else:
            place, indent = _end_of(lines, value.end_mark.line), " " * value.start_mark.column
        lines[place:place] = [line + ending for line in written({table: rows[table]}, indent)[table]]
    return "".join(lines)


def _end_of(lines: list[str], end: int) -> int:
    """The line behind the last one of a table; comments and empty lines before ``end`` belong to what follows."""
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _row(key: str, row: Mapping[str, str | float | bool], indent: str) -> list[str]:
    columns = [f"{column}: {_scalar(value)}" for column, value in row.items()]
    if len(columns) <= _IN_ONE_LINE:
        return [f"{indent}{_scalar(key)}: {{{', '.join(columns)}}}"]
    return [f"{indent}{_scalar(key)}:", *(f"{indent}  {column}" for column in columns)]


def _scalar(value: str | float | bool) -> str:
    """A value as YAML; a text in quotation marks where it would be taken for something else without them."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = re.fullmatch(r"[\w./-]+", value, re.ASCII) and YAML(typ="safe", pure=True).load(value) == value
    return value if plain else json.dumps(value, ensure_ascii=False)
