"""Where and when the outputs of a stage were made: what the journal of that run tells."""

from pathlib import Path

from esr.recipes.graph import Node
from esr.report.trail import Circumstances
from esr.stages.provenance import PACKAGES
from esr.stages.receipts import Receipt
from esr.tracking.journal import borders_in, journal_path, known_by


def journal_of(node: Node, receipt: Receipt) -> Path | None:
    """The journal of the run that made what the receipt lists; None where there is none.

    It bears the receipt's identity, unless an edit of code was accepted since: then it tells of the same outputs.
    """
    own = journal_path(node.scale, node.kind, node.key, receipt.identity)
    if own.is_file():
        return own
    others = own.parent.parent.glob(f"*/{own.name}")
    return next((path for path in others if _outputs(path) == receipt.outs), None)


def circumstances(journal: Path) -> Circumstances:
    """Of the last time that the journal's stage began."""
    borders = borders_in(journal)
    begun = [event for event in borders if event.event == "begin" and event.head]
    if not begun or not (head := begun[-1].head):
        return Circumstances()
    tags = {**head["tags"], **begun[-1].tags}
    ended = [event.time for event in borders if event.event == "end"]
    return Circumstances(
        commit=tags.get("git_commit", ""),
        dirty={"True": True, "False": False}.get(tags.get("git_dirty", "")),
        host=tags.get("host", ""),
        device=tags.get("device", ""),
        processor=tags.get("processor", ""),
        threads=tags.get("threads", ""),
        versions={name: tags[name] for name in ("python", *PACKAGES) if name in tags},
        began=begun[-1].time,
        ended=ended[-1] if ended else None,
    )


def run_of(journal: Path) -> str:
    """The tag ``esr.id`` of the stage's run in MLflow; "" where nothing was ever sent from this project."""
    try:
        return known_by(*journal.parts[-5:-1])
    except OSError:
        return ""


def _outputs(journal: Path) -> dict[str, str]:
    ends = [event.tags for event in borders_in(journal) if event.event == "end"]
    return {name.removeprefix("md5 "): md5 for name, md5 in ends[-1].items()} if ends else {}
