"""What a network's file says before it is run: whether it names a network, and whether that one can be pruned.

Only the syntax is read, nothing is imported: checking params.yaml needs no torch and runs no code of a network.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from esr.recipes.kinds import OF_ENTRIES
from esr.recipes.rows import Prune, StageRow
from esr.recipes.telling import short

if TYPE_CHECKING:
    from esr.recipes.read import Params

REPOSITORY = Path(__file__).resolve().parents[2]
NETWORK_FOLDERS = ("esr/networks", "networks")
"""Folders of network files: esr's own, and the project's. dvc.yaml names them."""
FILES = ("network", "teacher_network", "baseline", "year_baseline")


class NetworkSource:
    """The syntax tree of a network's file."""

    def __init__(self, file: str) -> None:
        """Read ``file``, relative to the current folder or, where it is not there, beside the package.

        Raises:
            OSError: there is no such file.
            ValueError: it is not Python; SyntaxError is one of these.
        """
        path = Path(file) if Path(file).is_file() else REPOSITORY / file
        self.module = ast.parse(path.read_bytes())

    @cached_property
    def names_a_network(self) -> bool:
        """Whether NETWORK is given a value, in whatever way."""
        bound = {name for node in ast.walk(self.module) for name in _bound(node)}
        return bool(bound & {"NETWORK", "*"})

    @cached_property
    def cannot_be_pruned(self) -> bool:
        """Whether the class certainly lacks ``prunable`` or the argument ``widths``; what it inherits may have them."""
        network = self._classes.get(self._named or "")
        if network is None or network.decorator_list or network.keywords or not self._bases_are_known(network):
            return False
        builders = [part for part in network.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
        return "prunable" not in ast.unparse(network) or not any(_takes_widths(each.args) for each in builders)

    @cached_property
    def _classes(self) -> dict[str, ast.ClassDef]:
        return {node.name: node for node in self.module.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def _named(self) -> str | None:
        """The class in ``NETWORK = Class``; None where it says anything else."""
        assigned = [node for node in ast.walk(self.module) if "NETWORK" in _bound(node)]
        if len(assigned) == 1 and isinstance(assigned[0], ast.Assign) and isinstance(assigned[0].value, ast.Name):
            return assigned[0].value.id
        return None

    def _bases_are_known(self, network: ast.ClassDef) -> bool:
        """Whether all that it inherits from is torch's, which knows nothing of pruning."""
        return all(ast.unparse(base).startswith(("nn.", "torch.nn.")) for base in network.bases)


def _takes_widths(arguments: ast.arguments) -> bool:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return arguments.kwarg is not None or any(each.arg == "widths" for each in named)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement gives a value to."""
    if isinstance(node, ast.Assign):
        targets = [each for target in node.targets for each in ast.walk(target)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)


def misplaced_networks(params: Params) -> Iterator[str]:
    """Complaints about paths that drivers and imports might read differently, or whose edits no driver would see."""
    for place, file, _ in _files(params):
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts or str(path) != file:
            yield f"{place}: {short(file)}: write the path from the project's folder, without .., as networks/mine.py"
        elif not any(path.is_relative_to(folder) for folder in NETWORK_FOLDERS):
            watched = " and ".join(NETWORK_FOLDERS)
            yield f"{place}: {short(file)}: the drivers watch {watched} for edits; put the file there"


def wrong_networks(params: Params) -> Iterator[str]:
    """Complaints about what is in the network files of rows, one by one, each with its place."""
    sources = {file: _source(file) for file in dict.fromkeys(file for _, file, _ in _files(params))}
    for place, file, row in _files(params):
        source = sources[file]
        if isinstance(source, str):
            yield f"{place}: {short(file)}: {source}"
        elif isinstance(row, Prune) and source.cannot_be_pruned:
            yield f"{place}: {file} cannot be pruned; give its class prunable() and the argument widths"


def _files(params: Params) -> Iterator[tuple[str, str, StageRow]]:
    """Each network file that a row names: its place, its path, the row."""
    for kind in OF_ENTRIES:
        for key, row in params.table(kind).items():
            for column in FILES:
                if hasattr(row, column):
                    yield f"{kind}.{key}.{column}", getattr(row, column), row


def _source(file: str) -> NetworkSource | str:
    """The file, or what is wrong with it."""
    try:
        source = NetworkSource(file)
    except OSError:
        return "there is no such file; paths are relative to the project's folder"
    except SyntaxError as error:
        return f"it is not Python (line {error.lineno}: {error.msg})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"it is not Python ({error})"
    return source if source.names_a_network else "it names no network; end it with NETWORK = its torch.nn.Module class"
