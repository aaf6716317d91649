"""Accept an edit of the code that changes no result, so that a renamed variable does not cost a week of training.

Comments and docstrings cost nothing, but both drivers take any other edit of what a stage uses for a reason to run it
again: from the code alone they cannot know its result. A person who can says so by name and with a reason; it is
recorded in a file that is committed with the edit.
"""

import json
import subprocess
import time
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.files import write_text
from esr.recipes.graph import Node, read_graph
from esr.recipes.read import check
from esr.stages.evidence import Evidence
from esr.stages.premises import sources_of
from esr.stages.receipts import read_receipt, write_receipt

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
    evidence = Evidence(graph)
    for node in [graph.nodes[name] for name in names or graph.nodes]:
        if evidence.same_but_code(node):
            if _accept(node, evidence, reason):
                accepted.append(node.name)
        elif names:
            raise EsrError(f"{node.name}: more than code has changed since it ran; run it again")
    return accepted


def _accept(node: Node, evidence: Evidence, reason: str) -> bool:
    receipt = read_receipt(node)
    now = {path: md5 for path, md5 in evidence.inputs(node).items() if md5 is not None}
    if receipt is None or now == receipt.deps:
        return False
    sources = sources_of(now)
    edited = sorted(path for path in {**receipt.sources, **sources} if sources.get(path) != receipt.sources.get(path))
    who = subprocess.run(["git", "config", "user.email"], capture_output=True, text=True, check=False).stdout.strip()
    line = {
        "stage": node.name,
        "scale": node.scale,
        "files": {path: {"from": receipt.sources.get(path), "to": sources.get(path)} for path in edited},
        "who": who or "unknown",
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "reason": reason,
    }
    earlier = RECORD.read_text(encoding="utf-8") if RECORD.exists() else ""
    write_text(RECORD, earlier + json.dumps(line, sort_keys=True) + "\n")
    write_receipt(node, now, receipt.outs, sources)
    return True
