"""Whether a phase has an image that its patch fits into: checked before the first phase of its entry trains.

A phase leaves out the images that are too small for it. Where none is left, it can only be refused; that it would be
is known as soon as its set is there, weeks before the phase itself would find out.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from esr.common.errors import EsrError
from esr.packed.manifest import SetManifest, read_manifest, read_set
from esr.recipes.graph import Graph, Node
from esr.recipes.read import Params
from esr.recipes.rows import Optimisation
from esr.recipes.scale import shrink_patch
from esr.stages.evidence import Evidence


def refuse_patches(evidence: Evidence, params: Params, node: Node) -> None:
    """Before a stage trains: refuse where it, a phase of its entry or one that it leads to would have no image.

    Sets that are not there yet, or are to be made again, are not judged. A stage that does not train is never refused.

    Raises:
        EsrError: naming the phase's row, its patch and its set.
    """
    largest: dict[str, int | None] = {}
    for other, row in _phases(evidence.graph, params, node):
        if row.data not in largest:
            largest[row.data] = _largest_patch(evidence, other.set(row.data))
        found, patch = largest[row.data], shrink_patch(row, params.rule.training)
        if found == 0:
            raise EsrError(
                f"{other.kind}.{other.key}: its set {row.data} holds no images at scale {params.scale}; "
                "choose another set or scale"
            )
        if found is not None and found < patch:
            raise EsrError(
                f"{other.kind}.{other.key}: its patch of {patch} px at scale {params.scale} fits into no image of "
                f"{row.data}, where {found} px are the most that fit; choose a smaller patch, or a set of larger images"
            )


def _phases(graph: Graph, params: Params, node: Node) -> Iterator[tuple[Node, Optimisation]]:
    """The stage, the others of its entry, and those that are made from it, as far as they train."""
    own = _row(params, node)
    if not isinstance(own, Optimisation):
        return
    for other in graph.nodes.values():
        row = _row(params, other)
        if isinstance(row, Optimisation) and (row.entry == own.entry or node in graph.ancestors(other)):
            yield other, row


def _row(params: Params, node: Node) -> object:
    return params.row(node.kind, node.key) if node.key else None


def _largest_patch(evidence: Evidence, manifest: Path) -> int | None:
    """The largest patch, in HR px, that fits into an image of a set; 0: it has none, None: it is not known yet."""
    maker = evidence.graph.producers[str(manifest)]
    if not all(evidence.is_current(each) for each in [maker, *evidence.graph.ancestors(maker)]):
        return None
    content = read_set(manifest)
    parts = (
        [content]
        if isinstance(content, SetManifest)
        else [
            read_manifest(Path(os.path.normpath(manifest.parent / part.manifest)), SetManifest)
            for part in content.parts
        ]
    )
    return max((min(image.height, image.width) for part in parts for image in part.images), default=0)
