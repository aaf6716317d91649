"""Network files: which file a name stands for, and the class that it defines.

Loading a network file runs it, and names come from strangers too: a weights file says which network it belongs to. So a
name stands for one of esr's own networks or for a file of the project in the current folder, and for nothing else. Any
other file must be named by the person who runs the command.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path, PurePath
from types import ModuleType

from torch import nn

from esr.common.errors import EsrError, on_one_line

PACKAGE = Path(__file__).resolve().parents[1]
OWN_NETWORKS = "esr/networks"  # esr's own, found from any folder
PROJECT_FILES = ("params.yaml", "dvc.yaml")  # a folder that has both is a project's
NEVER_SOURCES = frozenset({"data", "runs", "reports", "logs"})  # what was downloaded or made, not written
INSTALLED = frozenset({"site-packages", "dist-packages"})  # of a virtual environment in the project, whatever its name


def find_network(name: str) -> Path:
    """The network file that a row of params.yaml or a weights file names.

    Raises:
        EsrError: the name is of neither a network of esr's nor a Python file of the project in the current folder. A
            project's own are not absolute, not in hidden folders, those of data and results or those of installed
            packages, and do not lie elsewhere behind a link or by ``..``.
    """
    folder = Path.cwd()
    is_project = all((folder / file).is_file() for file in PROJECT_FILES)
    found = _own_file(folder, name) if is_project else None
    if found is None and PurePath(name).is_relative_to(OWN_NETWORKS):
        found = _own_file(PACKAGE.parent, name)
    if found is None:
        raise EsrError(
            f"network {name} is not a Python file of esr's networks or of the project in this folder, and was not run; "
            "put it into the project's folder, or name a file that you trust by --network"
        )
    return found


def _own_file(folder: Path, name: str) -> Path | None:
    """The Python file of this name in a folder, if it lies there among the sources."""
    folder = folder.resolve()
    try:
        path = Path(os.path.realpath(folder / name))
        if PurePath(name).is_absolute() or path.suffix != ".py" or not path.is_file():
            return None
    except (OSError, ValueError):  # a name too long, or with characters that no file's has
        return None
    if not path.is_relative_to(folder):
        return None
    both = (PurePath(name).parts, path.relative_to(folder).parts)  # as it is named, and where links lead
    return path if all(_are_sources(parts) for parts in both) else None


def _are_sources(parts: tuple[str, ...]) -> bool:
    return parts[0] not in NEVER_SOURCES and not any(part.startswith(".") or part in INSTALLED for part in parts)


def load_class(name: str, file: Path | None = None) -> type[nn.Module]:
    """The network class of a network file: what it names ``NETWORK``.

    Args:
        name: as a row or a weights file has it.
        file: the file to run instead of looking for the name: only what a person has named.

    Raises:
        EsrError: there is no such file, it cannot be imported, or its NETWORK is not a network with a data range.
    """
    if file is not None:
        name = str(file)
        if not file.is_file() or file.suffix != ".py":
            raise EsrError(f"network {name} is not a Python file; name one, such as esr/networks/rlfn.py")
    path = find_network(name) if file is None else file
    try:
        network = getattr(_import_file(path.resolve()), "NETWORK", None)
    except (Exception, SystemExit) as error:
        raise EsrError(f"network {name} cannot be imported ({on_one_line(error)}); mend it") from error
    if not (isinstance(network, type) and issubclass(network, nn.Module)):
        raise EsrError(f"network {name} defines no NETWORK; end it with NETWORK = its torch.nn.Module class")
    if getattr(network, "data_range", None) not in (1.0, 255.0):
        raise EsrError(f"network {name}: give {network.__name__} the class attribute data_range, 1.0 or 255.0")
    return network


def _import_file(path: Path) -> ModuleType:
    if path.is_relative_to(PACKAGE):
        return importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    # Named by its content as well: two files of one name do not meet, and an edited file is read again.
    content = path.read_bytes()
    name = f"esr_network_{hashlib.sha256(os.fsencode(path) + content).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Not by its loader: that takes the bytecode of an earlier content for current if both have one size and second.
        exec(compile(content, path, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module
