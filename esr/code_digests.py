"""What the drivers see of the code: a small file for each kind of stage and for each network.

It lists the source files that the kind, or the network, depends on, with a digest of each that a comment does not
change. The stages depend on these files and not on the sources. They are written before a driver decides, and only
where their content changes: DVC has a stage for it, everything else goes through :class:`esr.evidence.Evidence`.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from esr.files import read_json, write_text
from esr.recipes.kinds import KINDS
from esr.recipes.network_syntax import NETWORKS
from esr.source_code import Sources

CODE = Path("runs/.code")


def is_code(path: str) -> bool:
    """Whether a stage that depends on ``path`` depends on code by it."""
    return Path(path).is_relative_to(CODE) or path.endswith(".jinja")


def sources_of(paths: Iterable[str]) -> dict[str, str]:
    """The source files that those of ``paths`` which stand for code list, each with its digest."""
    return {
        source: digest
        for path in paths
        if Path(path).is_relative_to(CODE)
        for source, digest in read_json(Path(path)).items()
    }


def write_code_digests() -> None:
    """Bring the files up to date with the sources below the current folder."""
    sources = Sources(Path())
    networks = [file.as_posix() for folder in NETWORKS for file in sorted(Path(folder).rglob("*.py"))]
    digests = {
        **{CODE / f"{name}.json": sources.closure(kind.code) for name, kind in KINDS.items()},
        **{CODE / f"{network}.json": sources.closure(network) for network in networks},
    }
    for path, files in digests.items():
        text = json.dumps(files, indent=1) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    for path in CODE.rglob("*.json"):
        if path not in digests:
            path.unlink()
