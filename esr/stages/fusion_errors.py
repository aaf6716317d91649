"""By how much fusing changed each network, as its stage has told in its journal."""

from esr.recipes.graph import Graph
from esr.report.story import FusionError
from esr.stages.receipts import read_receipt
from esr.stages.whereabouts import journal_of
from esr.tracking.journal import events_in

NAMES = "fusion_error_float64", "fusion_error_float32"


def fusion_errors(graph: Graph) -> dict[str, FusionError]:
    """The errors by the key of each row of `fuse`; without those whose journal is gone, as after a `dvc pull`."""
    found = {}
    for key in graph.keys("fuse"):
        node = graph.find("fuse", key)
        receipt = read_receipt(node)
        if receipt and (journal := journal_of(node, receipt)):
            told = [event.values for event in events_in(journal) if event.values.keys() >= set(NAMES)]
            if told:
                found[key] = FusionError(*(told[-1][name] for name in NAMES))
    return found
