"""What a piece of code depends on, and a digest of it that does not change with a comment.

A stage is stale when code that it uses has changed. What it uses is computed: the files that its module imports, and
those that these import, wherever in them the import stands. What has changed is seen in the syntax tree, so that an
edited comment, docstring, annotation of a function or line break changes nothing.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from esr.common.errors import EsrError
from esr.common.files import read_json, write_json


@dataclass(frozen=True)
class SourceFile:
    """A Python file.

    Attributes:
        digest: of what the file says, without comments, docstrings, annotations of functions, formatting.
        imports: the dotted names that it imports anywhere, but for those that serve annotations alone.
    """

    digest: str
    imports: tuple[str, ...]


class Sources:
    """The Python files below a folder. What was parsed is kept in a file by its bytes, and parsed no second time."""

    def __init__(self, root: Path, memory: Path | None = None) -> None:
        """Prepare to read.

        Args:
            root: the folder.
            memory: the file to remember what was parsed in, if it is to be remembered.
        """
        self._root, self._memory = root, memory
        self._read: dict[str, SourceFile] = {}
        self._named: dict[str, list[str]] = {}
        self._remembered = _recall(memory)
        self._known = dict(self._remembered)

    def remember(self) -> None:
        """Keep what was parsed for later processes."""
        if self._memory is not None and self._known.keys() - self._remembered.keys():
            write_json(self._memory, {key: [file.digest, file.imports] for key, file in self._known.items()})

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
            key = _md5(content, path.encode(), OWN_VERSION.encode())
            if key not in self._known:
                self._known[key] = _parsed(content, path)
            self._read[path] = self._known[key]
        return self._read[path]

    def _files_of(self, names: Iterable[str]) -> Iterator[str]:
        """The files of the folder that importing these names runs: modules, and the packages that they are in."""
        for name in names:
            if name not in self._named:  # the same few are imported by hundreds of files
                self._named[name] = list(self._files_named(name))
            yield from self._named[name]

    def _files_named(self, name: str) -> Iterator[str]:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            place = "/".join(parts[:end])
            for path in (f"{place}.py", f"{place}/__init__.py"):
                if (self._root / path).is_file():
                    yield path


def _recall(memory: Path | None) -> dict[str, SourceFile]:
    """What was parsed before; nothing where that cannot be read."""
    try:
        known = read_json(memory) if memory is not None and memory.is_file() else {}
        return {key: SourceFile(str(digest), tuple(imports)) for key, (digest, imports) in known.items()}
    except (EsrError, AttributeError, TypeError, ValueError):
        return {}


def _parsed(content: bytes, path: str) -> SourceFile:
    try:
        bare = _Bare().visit(ast.parse(content))
        assert bare is not None  # a module stays one
        said, imports = ast.unparse(bare).encode(), sorted(set(_imports(bare, path)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # no Python: it counts by its bytes
        said, imports = content, []
    return SourceFile(_md5(said), tuple(imports))


def _md5(*parts: bytes) -> str:
    return hashlib.md5(b"\0".join(parts), usedforsecurity=False).hexdigest()


OWN_VERSION = _md5(Path(__file__).read_bytes(), sys.version.encode())
"""The version of this reader and of Python: another one may parse a file otherwise."""


_QUOTES = ("'", '"', '"""', "'''")


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

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        spec, node.format_spec = node.format_spec, None  # which is no f-string of its own
        self.generic_visit(node)
        node.format_spec = spec
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """An f-string in quotes that it does not hold, as Python 3.11 writes it; later versions take others."""
        text = ast.unparse(self.generic_visit(node))[1:]
        own = text[:3] if text.startswith(_QUOTES[2:]) else text[:1]
        said = text.removeprefix(own).removesuffix(own)
        quote = next((each for each in _QUOTES if each not in said), own)
        return ast.Name(f"f{quote}{said}{quote}")

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
