# One rule per kind of stage in dvc.yaml, with the wildcard {key}; one target per entry and per row of `benchmark`.
# Loop variables are bound as defaults of the lambdas: Snakemake calls these long after the loop has ended.

import atexit
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

sys.path.insert(0, workflow.basedir)  # this folder's esr, also where another one is installed
from esr.digests import Digests
from esr.errors import EsrError
from esr.files import hash_of
from esr.graph import read_graph
from esr.last_words import forget_last_words, last_words
from esr.recipes.read import check
from esr.refusing import refuse_gap, refuse_to_drive
from esr.snakemake_record import SYNCING, hush, prepare_jobs

prepare_jobs()

try:
    graph = read_graph()
    check(graph.params)
    graph.in_order()
    if SYNCING in os.environ:
        hush()
    elif workflow.is_main_process:
        refuse_to_drive(graph)
except EsrError as error:
    raise WorkflowError(str(error)) from None
validate(graph.params, "workflow/params.schema.json", set_default=False)


def entry_of(row):
    return graph.params["benchmark"][row]["entry"]


def targets(*nodes):
    """Their outputs and those of all that they are made from: Snakemake overlooks a missing file in between."""
    return [path for node in [*nodes, *graph.ancestors(*nodes)] for path in node.out_paths]


def inputs(kind, wildcards):
    """The inputs of a job; asked for when the graph is built, which is when the targets are known."""
    try:
        for target in workflow.dag_settings.targets if SYNCING not in os.environ else ():
            refuse_gap(graph, target)
    except EsrError as error:
        raise WorkflowError(str(error)) from None
    return graph.inputs(graph.find(kind, wildcards.get("key", "")))


digests = Digests()


def sources(node):
    """A hash of the files that no stage makes: Snakemake itself overlooks one that was edited and kept its time."""
    return hash_of({path: digests.of(path) for path in node.deps if path not in graph.producers})


localrules:
    all,


rule all:
    input:
        list(graph.producers),


for name in dict.fromkeys([entry_of(row) for row in graph.keys("benchmark")] + graph.keys("benchmark")):

    rule:
        name:
            name
        localrule: True
        input:
            targets(*(graph.find("benchmark", row) for row in graph.keys("benchmark") if name in (row, entry_of(row)))),


for kind in graph.kinds:

    rule:
        name:
            kind
        input:
            lambda wildcards, kind=kind: inputs(kind, wildcards),
        output:
            *graph.patterns(kind),
        log:
            f"logs/{graph.scale}/{kind}/{'{key}' if graph.keys(kind) else kind}.log",
        wildcard_constraints:
            key="|".join(graph.keys(kind)),
        params:
            command=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).command,
            tracked=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).params,
            sources=lambda wildcards, kind=kind: sources(graph.find(kind, wildcards.get("key", ""))),
        threads: lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).threads(workflow.cores)
        resources:
            gpu=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).resources.get("gpu", 0),
            mem_mb=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).resources["mem_mb"],
            runtime=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).resources["runtime"],
        shell:
            "{params.command}"


def record():
    """Tell DVC what was made, also after a run that failed halfway."""
    if SYNCING not in os.environ:
        subprocess.run([sys.executable, "-m", "esr", "sync", "--dvc"], check=False)


onstart:
    if SYNCING not in os.environ:
        forget_last_words()


onsuccess:
    record()


onerror:
    record()
    if SYNCING not in os.environ:
        atexit.register(lambda: print(*last_words(), sep="\n", file=sys.stderr))  # after Snakemake's own
