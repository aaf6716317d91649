"""Python source that is edited where its syntax tree says, so that all else, comments included, stays as it is."""

import ast
import io
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """What stands from ``start`` to ``end`` (characters from the beginning) becomes ``text``."""

    start: int
    end: int
    text: str = ""


class SourceText:
    """A file's text, its syntax tree, and where in the text the tree's nodes stand.

    Raises:
        SyntaxError: the text is no Python.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """The place of a line (from 1) and a column in bytes, as syntax trees count."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> tuple[int, int]:
        """Where a node begins and ends; what decorates it is not part of it."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt | ast.arg) -> str:
        """A node's text."""
        start, end = self.span(node)
        return self.text[start:end]

    def lines_of(self, statement: ast.stmt) -> tuple[int, int]:
        """A statement's whole lines, with its decorators and the comments right above it."""
        first = statement.lineno
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.decorator_list:
            first = statement.decorator_list[0].lineno
        while first > 1 and self._lines[first - 2].lstrip().startswith("#"):
            first -= 1
        assert statement.end_lineno is not None
        return self._starts[first - 1], min(self._starts[statement.end_lineno], len(self.text))

    def parameters_of(self, function: ast.FunctionDef) -> tuple[int, int]:
        """From the parenthesis that opens a function's parameters to the end of the one that closes them."""
        start = self.text.index("(", self.span(function)[0])
        depth = 0
        for token in tokenize.generate_tokens(io.StringIO(self.text[start:]).readline):
            depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
            if depth == 0:
                break
        line, column = token.end
        within = self.text[start:].split("\n")
        return start, start + sum(len(each) + 1 for each in within[: line - 1]) + column

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text after these edits, no two of which overlap."""
        text = self.text
        for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text
