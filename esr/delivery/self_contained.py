"""One file that holds a network and all that it uses of esr's, for whoever has neither esr nor a new Python."""

import ast
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from esr.common.errors import EsrError
from esr.delivery.deploy_form import in_deploy_form
from esr.delivery.pieces import Imported, NetworkFile, Piece
from esr.delivery.python39 import check_python39, for_python39

OWN = "esr.networks."
MADE = "Made by esr from {files}: one file, in the form that is run."


def self_contained(file: Path, network: str) -> str:
    """The text of a file that needs nothing of esr: a network in its deploy form, and what it uses.

    Comments and docstrings are kept. It runs on Python 3.9.

    Args:
        file: the network's, of esr's or of one's own.
        network: the name of its class.

    Raises:
        EsrError: it uses what cannot be brought along, or what Python 3.9 does not know.
    """
    collected = _Collected(NetworkFile.parsed(str(file), for_python39(in_deploy_form(_text_of(file), network))))
    collected.take(network)
    text = collected.text()
    check_python39(text, str(file))
    if "esr" in packages_of(text):
        raise EsrError(f"{file} imports from esr inside a function or a condition; import it at the top of the file")
    return text


def _text_of(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise EsrError(f"network {file} is no Python ({error.msg}, line {error.lineno}); mend it") from error
    return text


@cache
def _own(module: str) -> NetworkFile:
    """A module of esr's networks."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise EsrError(f"{module} is not a module of esr's networks; import one that is")
    return NetworkFile.parsed(module, for_python39(Path(spec.origin).read_text(encoding="utf-8")))


class _Collected:
    """What a network uses: pieces of files, and imports of other packages."""

    def __init__(self, file: NetworkFile) -> None:
        self.file = file
        self.pieces: dict[str, dict[int, Piece]] = {}  # by file, by its place there
        self.imports: dict[str, Imported] = {}
        self.files: dict[str, NetworkFile] = {}
        self.needs: dict[str, set[str]] = {}  # of a file: other files

    def take(self, network: str) -> None:
        """The network, whatever its file does beside defining names, and all that these use."""
        self._name(self.file, network)
        for place, piece in enumerate(self.file.pieces):
            if not piece.defines:
                self._piece(self.file, place, piece)

    def _name(self, file: NetworkFile, name: str) -> None:
        found = [(place, piece) for place, piece in enumerate(file.pieces) if name in piece.defines]
        for place, piece in found:
            self._piece(file, place, piece)
        if not found and name in file.imports:
            self._import(file, name, file.imports[name])

    def _piece(self, file: NetworkFile, place: int, piece: Piece) -> None:
        self.files[file.name] = file
        self.needs.setdefault(file.name, set())
        known = self.pieces.setdefault(file.name, {})
        if place not in known:
            known[place] = piece
            for name in sorted(piece.reads):
                self._name(file, name)

    def _import(self, file: NetworkFile, name: str, imported: Imported) -> None:
        if imported.module.split(".")[0] == "esr":
            if not imported.module.startswith(OWN) or imported.attribute != name:
                what = f"{imported.module} {imported.attribute}".strip()
                raise EsrError(
                    f"{file.name} imports {what} as {name}, which cannot be brought along; "
                    "of esr import names from esr.networks' modules only, each under its own name"
                )
            other = _own(imported.module)
            self._name(other, name)
            if other.name in self.files:
                self.needs.setdefault(file.name, set()).add(other.name)
            return
        if imported.module.split(".")[0] == "importlib":
            raise EsrError(
                f"{file.name} imports importlib, by which it may load what others do not have; import at the top of "
                "the file what it needs, or submit another network"
            )
        if not _is_installed(imported.module.split(".")[0]):
            raise EsrError(
                f"{file.name} imports {imported.module}, which is no installed package: others would not have it; "
                "put what you need of it into the network file"
            )
        if self.imports.setdefault(name, imported) != imported:
            raise EsrError(f"{file.name} means another thing by {name} than the files that it uses; rename it")

    def text(self) -> str:
        """The file."""
        order = list(TopologicalSorter(self.needs).static_order())
        self._refuse_clashes()
        parts = [self._head(order), "from __future__ import annotations", *_import_blocks(self.imports)]
        text = "\n\n".join(parts) + "\n"
        before: Piece | None = None
        for piece in (piece for name in order for _, piece in sorted(self.pieces[name].items())):
            together = before is not None and before.is_plain and piece.is_plain
            text += ("" if together else "\n" if piece.is_plain and before is None else "\n\n") + piece.text + "\n"
            before = piece
        return text

    def _head(self, order: list[str]) -> str:
        files = ", ".join(f"{name.removeprefix(OWN)}.py" if name.startswith(OWN) else Path(name).name for name in order)
        said = self.file.docstring.replace("\\", "\\\\").replace('"""', r"\"\"\"")
        about = f"{said}\n\n" if said else ""
        return f'"""{about}{MADE.format(files=files)}\n"""'

    def _refuse_clashes(self) -> None:
        owners: dict[str, str] = dict.fromkeys(self.imports, "an import")
        for file, pieces in self.pieces.items():
            for name in sorted({name for piece in pieces.values() for name in piece.defines}):
                if name in owners:
                    raise EsrError(f"{file} and {owners[name]} both define {name}; rename it in your own file")
                owners[name] = file


def _is_installed(package: str) -> bool:
    return package in sys.stdlib_module_names or package in importlib.metadata.packages_distributions()


def packages_of(text: str) -> list[str]:
    """The packages beside torch that a file imports and that do not come with Python."""
    nodes = list(ast.walk(ast.parse(text)))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return sorted({module.split(".")[0] for module in modules} - {"torch", *sys.stdlib_module_names})


def _import_blocks(imports: Mapping[str, Imported]) -> Iterator[str]:
    """Imports of what comes with Python, then the others, each in the usual order."""
    standard = {name: each for name, each in imports.items() if each.module.split(".")[0] in sys.stdlib_module_names}
    for group in (standard, {name: each for name, each in imports.items() if name not in standard}):
        modules = sorted(each.statement(name) for name, each in group.items() if not each.attribute)
        by_module: dict[str, list[str]] = {}
        for name, each in sorted(group.items(), key=lambda item: item[1]):
            if each.attribute:
                by_module.setdefault(each.module, []).append(each.statement(name).split(" import ")[1])
        lines = modules + [f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())]
        if lines:
            yield "\n".join(lines)
