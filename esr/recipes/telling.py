"""How a complaint about params.yaml is put: one line, with place, value and what there is, each of them short."""

from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from types import UnionType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from esr.recipes.rows import Row

LONGEST = 60  # characters of a value or a name
MOST_NAMES = 12


def first_of(complaints: Sequence[str]) -> str:
    """The first complaint, and how many there are besides."""
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return f"params.yaml: {complaints[0]}{more}"


def missing(place: str, name: str, there: Collection[str]) -> str:
    """The complaint about a name that names nothing."""
    return f"{place}: {short(name)} names nothing; there are: {some(there, name)}"


def some(names: Collection[str], like: str) -> str:
    """Names for a complaint: all of them, or those that are most like ``like``."""
    if len(names) <= MOST_NAMES:
        return ", ".join(map(short, names)) or "none"
    closest = sorted(names, key=lambda name: SequenceMatcher(None, short(name), short(like)).ratio(), reverse=True)
    return f"{', '.join(map(short, closest[:MOST_NAMES]))} and {len(names) - MOST_NAMES} more"


def short(text: str) -> str:
    """A text without its middle where it is long, and without line breaks and such."""
    text = text if text.isprintable() else ascii(text)[1:-1]
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}...{text[-LONGEST // 3 :]} ({len(text)} characters)"


def complaint(error: ErrorDetails, table: type[Row]) -> str:
    """One of pydantic's errors, about what ``table`` was made of."""
    place = ".".join(short(str(part)) for part in error["loc"] if part != "[key]")
    return f"{place + ': ' if place else ''}{_message(error, table)}"


def complaints(error: ValidationError, table: type[Row]) -> list[str]:
    """All of pydantic's errors."""
    return [complaint(each, table) for each in error.errors(include_url=False)]


def _message(error: ErrorDetails, table: type[Row]) -> str:
    kind, message, value = error["type"], error["msg"], error["input"]
    if kind == "extra_forbidden":
        return f"unknown key; {_accepted(error['loc'], table)}"
    if kind in ("missing", "value_error"):
        return {"missing": "is missing"}.get(kind, message.removeprefix("Value error, "))
    if kind in ("model_type", "dict_type"):
        return f"here belong keys and their values, not {_shown(value)}"
    if kind == "too_short" and isinstance(value, dict):
        return "the table needs a row"
    return message if error["loc"][-1:] == ("[key]",) else f"{message}, not {_shown(value)}"


def _shown(value: Any) -> str:
    """A value as params.yaml would have it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else f"a list of {len(value)}"
    return repr(short(value)) if isinstance(value, str) else short(str(value))


def _accepted(location: tuple[int | str, ...], table: type[Row]) -> str:
    """The keys that are accepted where an unknown one was found."""
    annotation: Any = table
    for part in location[:-1]:
        annotation = _if_given(annotation)
        if isinstance(annotation, type) and issubclass(annotation, Row):
            names = {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
            annotation = names.get(str(part))
        else:
            annotation = annotation.__args__[-1]
    annotation = _if_given(annotation)
    if not (isinstance(annotation, type) and issubclass(annotation, Row)):
        return "remove it"
    return "accepted are: " + ", ".join(field.alias or name for name, field in annotation.model_fields.items())


def _if_given(annotation: Any) -> Any:
    """What belongs to a key that may be null, where it is not."""
    return annotation.__args__[0] if isinstance(annotation, UnionType) else annotation
