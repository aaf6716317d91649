"""What the organisers' Python 3.9 lacks, taken out of a file's text or refused."""

import ast

from esr.common.errors import EsrError
from esr.delivery.source_text import Edit, SourceText

VERSION = (3, 9)
NEWER_IN_TYPING = {
    *("Concatenate", "LiteralString", "Never", "NoDefault", "NotRequired", "ParamSpec", "ReadOnly", "Required", "Self"),
    *("TypeAlias", "TypeAliasType", "TypeGuard", "TypeIs", "TypeVarTuple", "Unpack"),
    *("assert_never", "assert_type", "dataclass_transform", "override", "reveal_type"),
}
"""Names that ``typing`` got later."""


def for_python39(text: str) -> str:
    """The text without ``strict=`` of ``zip``, which later versions know; it only checks, and has been checked."""
    source = SourceText(text)
    edits = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "zip" and node.args:
            edits += [
                Edit(source.span(node.args[-1])[1], source.span(keyword)[1])
                for keyword in node.keywords
                if keyword.arg == "strict" and node.keywords == [keyword]
            ]
    return source.edited(edits)


def check_python39(text: str, culprit: str) -> None:
    """Raise EsrError, naming ``culprit``, where a text has syntax or names that Python 3.9 does not know."""
    try:
        tree = ast.parse(text, feature_version=VERSION)
    except SyntaxError as error:
        told = f"does not run on Python 3.9, which organisers may have: {error.msg}"
        raise EsrError(f"{culprit} {told}; write it otherwise") from error
    newer = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "typing"
        for alias in node.names
        if alias.name in NEWER_IN_TYPING
    ]
    if newer:
        told = f"in Python 3.9, which organisers may have, typing has no {', '.join(newer)}"
        raise EsrError(f"{culprit}: {told}; leave it out")
