"""Damaged or missing outputs brought back, where nothing needs to be trained for it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.files import md5_of, whole_file
from esr.common.lock import is_held
from esr.driving.lacking import Lacking
from esr.recipes.graph import Graph, Node
from esr.stages.evidence import Evidence
from esr.stages.last_words import lock_path

MADE_AGAIN = ("download", "crop", "join")  # by sync itself: the same bytes from the same sources, without training

Cached = Callable[[str], Path]
"""Where DVC's cache would keep the content with an md5."""


def repair(graph: Graph, lacking: Lacking, cached: Cached) -> list[str]:
    """Bring back the outputs that are not what is recorded, of stages whose parameters and inputs are; say which.

    Outputs come from DVC's cache; packed stores, which are too large for it, are packed again from their sources,
    unless those are not there.
    """
    evidence = Evidence(graph)
    repaired = []
    for node in graph.in_order():
        record = evidence.repairable(node)
        if record is None or is_held(lock_path(node)):
            continue
        wrong = {path: md5 for path, md5 in record.outs.items() if evidence.digests.of(path) != md5}
        from_cache = all(_bring_back(Path(path), md5, cached(md5)) for path, md5 in wrong.items())
        if not from_cache:
            if node.kind not in MADE_AGAIN or node.name in lacking.stages:
                continue
            _make_again(node)
        print(f"{node.name}: {'brought back from the cache of DVC' if from_cache else 'made again'}", file=sys.stderr)
        repaired.append(node.name)
        for path in record.outs:
            evidence.digests.forget(path)
    return repaired


def _bring_back(path: Path, md5: str, copy: Path) -> bool:
    """Copy the content with this md5 to ``path``; False where the cache has it not. What is damaged there goes."""
    with suppress(OSError):
        if copy.is_file() and md5_of(copy) == md5:
            with whole_file(path) as temporary:
                shutil.copyfile(copy, temporary)
            return True
        copy.unlink(missing_ok=True)
    return False


def _make_again(node: Node) -> None:
    if subprocess.run([sys.executable, "-m", "esr", node.kind, *filter(None, [node.key])], check=False).returncode:
        raise EsrError(f"{node.name} is damaged and cannot be made again; the line above says why")
