"""Accept an edit of the code that changes no result, so that a docstring does not cost a week of training.

Both drivers take any edited source file for a reason to run again, and they are right. A person who knows better says
so by name and with a reason; it is recorded in a file that is committed with the edit.
"""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from esr.errors import EsrError
from esr.files import md5_of, read_json, write_json, write_text
from esr.graph import Node, read_graph
from esr.receipts import receipt_path, same_but_code
from esr.recipes.read import check

RECORD = Path("accepted.jsonl")


def accept(names: list[str], reason: str) -> list[str]:
    """Take the outputs of these stages for made by the present code; gives the stages that this changed.

    Args:
        names: stages, such as ``finetune@slimrlfn-640``; empty: every stage of which only code was edited.
        reason: why no result changes; recorded with who, when, and the edited files.

    Raises:
        EsrError: an unknown stage, or one whose data, parameters or outputs have changed as well.
    """
    graph = read_graph()
    check(graph.params)
    unknown = [name for name in names if name not in graph.nodes]
    if unknown:
        raise EsrError(f"{unknown[0]} is no stage of dvc.yaml at this scale; `dvc stage list` names them")
    accepted = []
    for node in [graph.nodes[name] for name in names or graph.nodes]:
        inputs = graph.inputs(node)
        if same_but_code(node, inputs):
            if _accept(node, inputs, reason):
                accepted.append(node.name)
        elif names:
            raise EsrError(f"{node.name}: more than code has changed since it ran; run it again")
    return accepted


def _accept(node: Node, inputs: list[str], reason: str) -> bool:
    receipt: dict[str, Any] = read_json(receipt_path(node))
    now = {path: md5_of(Path(path)) for path in inputs}
    edited = sorted(path for path in now if now[path] != receipt["deps"].get(path))
    if not edited:
        return False
    who = subprocess.run(["git", "config", "user.email"], capture_output=True, text=True, check=False).stdout.strip()
    line = {
        "stage": node.name,
        "scale": node.scale,
        "files": {path: {"from": receipt["deps"].get(path), "to": now[path]} for path in edited},
        "who": who or "unknown",
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "reason": reason,
    }
    earlier = RECORD.read_text(encoding="utf-8") if RECORD.exists() else ""
    write_text(RECORD, earlier + json.dumps(line, sort_keys=True) + "\n")
    write_json(receipt_path(node), {**receipt, "deps": now})
    return True
