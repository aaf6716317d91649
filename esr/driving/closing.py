"""What a run ends with that could not make everything: the rows that are there, and for each other one the culprit."""

from esr.common.errors import printable
from esr.driving.lacking import Lacking
from esr.driving.syncing import current_upwards
from esr.recipes.graph import Graph, Node
from esr.stages.evidence import Evidence
from esr.stages.last_words import last_words


def finished_rows(graph: Graph) -> list[Node]:
    """The benchmarks that are current together with all that they are made from."""
    evidence = Evidence(graph)
    stale = {name for name, node in graph.nodes.items() if not evidence.is_current(node)}
    return [node for node in current_upwards(graph, stale) if node.kind == "benchmark"]


def last_lines(lacking: Lacking) -> list[str]:
    """The list: rows that are finished, rows that are not, what is not there, and how each failed stage ended."""
    graph = lacking.graph
    finished = [node.key for node in finished_rows(graph)]
    failed = [key for key in graph.keys("benchmark") if key not in (*finished, *lacking.rows)]
    numbers = f"numbers in runs/{graph.scale}/benchmark/ROW/metrics.json"
    lines = [f"finished: {', '.join(finished)}; {numbers}"] if finished else []
    lines += [f"not finished: {', '.join(failed)}"] if failed else []
    return [*(printable(f"esr: {line}") for line in lines), *lacking.messages(), *last_words()]
