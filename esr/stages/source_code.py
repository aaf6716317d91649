"""What a piece of code depends on, and a digest of it that does not change with a comment.

A stage is stale when code that it uses has changed. What it uses is computed: the files that its module imports, and
those that these import, wherever in them the import stands. What has changed is seen in the syntax tree, so that an
edited comment, docstring, annotation of a function or line break changes nothing.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class SourceFile:
    """A Python file below the folder ``root``.

    Attributes:
        path: from the root, as ``esr/training/loop.py``.
        digest: of what the file says, without comments, docstrings, annotations of functions, formatting.
        imports: the dotted names that it imports anywhere, but for those that serve annotations alone.
    """

    path: str
    digest: str
    imports: frozenset[str]


class Sources:
    """The Python files of a folder, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[str, SourceFile] = {}

    def closure(self, *paths: str) -> dict[str, str]:
        """The digest of each of these files and of all files of the folder that they import, by path, sorted.
        A file that is no Python counts by its bytes.
        """
        found: dict[str, str] = {}
        left = list(paths)
        while left:
            path = left.pop()
            if path not in found:
                source = self._file(path)
                found[path] = source.digest
                left += self._files_of({*source.imports, path.removesuffix(".py").replace("/", ".")})
        return dict(sorted(found.items()))

    def _file(self, path: str) -> SourceFile:
        if path not in self._read:
            content = (self._root / path).read_bytes()
            try:
                bare = _Bare().visit(ast.parse(content))
                assert bare is not None  # a module stays one
                said, imports = ast.unparse(bare).encode(), frozenset(_imports(bare, path))
            except (SyntaxError, ValueError, RecursionError, MemoryError):  # no Python: it counts by its bytes
                said, imports = content, frozenset[str]()
            digest = hashlib.md5(said, usedforsecurity=False).hexdigest()
            self._read[path] = SourceFile(path, digest, imports)
        return self._read[path]

    def _files_of(self, names: Iterable[str]) -> Iterator[str]:
        """The files of the folder that importing these names runs: modules, and the packages that they are in."""
        for name in names:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                place = PurePosixPath(*parts[:end])
                for path in (f"{place}.py", f"{place}/__init__.py"):
                    if (self._root / path).is_file():
                        yield path


class _Bare(ast.NodeTransformer):
    """Takes out of a syntax tree what does not change what the code does.

    Annotations stay where they do something: in the body of a class, where pydantic and dataclasses read them.
    """

    def visit(self, node: ast.AST) -> ast.AST | None:
        bare: ast.AST | None = super().visit(node)
        if bare is not None and getattr(bare, "body", True) == []:
            bare.body = [ast.Pass()]  # type: ignore[attr-defined]
        return bare

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if ast.unparse(node.test).removeprefix("typing.") == "TYPE_CHECKING":
            node.body = [ast.Pass()]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [each for each in node.keywords if each.arg != "description"]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.body = [_unannotated(each) for each in node.body]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node


def _unannotated(statement: ast.stmt) -> ast.stmt:
    """A local variable without its annotation, which nothing reads."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        assigned = ast.Assign([statement.target], statement.value)
        return ast.fix_missing_locations(ast.copy_location(assigned, statement))
    return statement


def _imports(tree: ast.AST, path: str) -> Iterator[str]:
    """The dotted names that a file's import statements name; of ``from a import b`` both a.b and a."""
    package = PurePosixPath(path).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
