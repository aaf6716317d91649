"""A network file as pieces: its statements at the top with their comments, what they define, read and import."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from esr.common.errors import EsrError
from esr.delivery.source_text import SourceText


@dataclass(frozen=True)
class Piece:
    """Statements that belong together.

    Attributes:
        text: with the comments above, without blank lines around.
        defines: the names that it binds.
        reads: the names that it reads anywhere.
        is_plain: it binds names to values; else it is a class, a function, or something that is done.
    """

    text: str
    defines: frozenset[str]
    reads: frozenset[str]
    is_plain: bool


@dataclass(frozen=True, order=True)
class Imported:
    """Where a name comes from: a module itself, or something in it."""

    module: str
    attribute: str

    def statement(self, name: str) -> str:
        """The import that binds ``name``."""
        if self.attribute:
            return f"from {self.module} import {self.attribute}{f' as {name}' if name != self.attribute else ''}"
        return f"import {self.module}{f' as {name}' if name != self.module.split('.')[0] else ''}"


@dataclass(frozen=True)
class NetworkFile:
    """A file's docstring, pieces and imports.

    Attributes:
        name: for messages.
        docstring: what it says of itself; may be empty.
        pieces: all but the imports, ``NETWORK = ...`` and what runs as a script.
        imports: by the name that each binds.
    """

    name: str
    docstring: str
    pieces: Sequence[Piece]
    imports: dict[str, Imported]

    @classmethod
    def parsed(cls, name: str, text: str) -> "NetworkFile":
        """The file of this text.

        Raises:
            EsrError: it imports from where it stands, or everything of a module.
        """
        source = SourceText(text)
        imports: dict[str, Imported] = {}
        for node in ast.walk(source.tree):
            imports.update(_imported(node, name))
        groups = [group for group in _groups(source.tree.body) if not _is_left_out(group[0])]
        lines = text.split("\n")
        ends = {0: 0} | {each.lineno: each.end_lineno or 0 for each in source.tree.body}
        pieces = [_piece(group, lines, max(end for end in ends.values() if end < group[0].lineno)) for group in groups]
        return cls(name, ast.get_docstring(source.tree) or "", pieces, imports)


def _imported(node: ast.AST, file: str) -> Iterator[tuple[str, Imported]]:
    match node:
        case ast.Import(names):
            for alias in names:
                yield alias.asname or alias.name.split(".")[0], Imported(alias.name, "")
        case ast.ImportFrom(module=module, names=names, level=level):
            if level or not module or names[0].name == "*":
                what = f"{'.' * level}{module or ''}"
                raise EsrError(
                    f"{file} imports {names[0].name} from {what}, which is not followed; name module and names"
                )
            if module != "__future__":
                for alias in names:
                    yield alias.asname or alias.name, Imported(module, alias.name)


def _groups(statements: Iterable[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Statements with what belongs to them: others on their last line, and the text that says what a value is."""
    group: list[ast.stmt] = []
    for each in statements:
        is_text = isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        if group and ((is_text and _is_plain(group[-1])) or each.lineno == group[-1].end_lineno):
            group.append(each)
            continue
        if group:
            yield group
        group = [each]
    if group:
        yield group


def _is_plain(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign | ast.AnnAssign)


def _is_left_out(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name("NETWORK")]) | ast.AnnAssign(target=ast.Name("NETWORK")):
            return True
        case ast.If(test=test):
            return any(
                isinstance(node, ast.Name) and node.id in ("__name__", "TYPE_CHECKING") for node in ast.walk(test)
            )
    return False


def _piece(group: list[ast.stmt], lines: list[str], after: int) -> Piece:
    nodes = [node for each in group for node in ast.walk(each)]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {each.name for each in group if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
    stored = set() if own else {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    return Piece(
        text="\n".join(lines[after : group[-1].end_lineno]).strip("\n"),
        defines=frozenset(own | stored),
        reads=frozenset(node.id for node in names if isinstance(node.ctx, ast.Load)),
        is_plain=all(map(_is_plain, group[:1])),
    )
