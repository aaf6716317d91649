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
from esr.errors import EsrError
from esr.graph import read_graph
from esr.receipts import last_complaints
from esr.recipes.read import check
from esr.syncing import SYNCING

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # so that a job's python is this one
os.environ["ESR_UNDER_SNAKEMAKE"] = "1"  # stages share the terminal: lines, not bars

try:
    graph = read_graph()
    check(graph.params)
    graph.in_order()
except EsrError as error:
    raise WorkflowError(str(error)) from None
validate(graph.params, "workflow/params.schema.json", set_default=False)


def entry_of(row):
    return graph.params["benchmark"][row]["entry"]


def targets(rows):
    return [path for row in rows for path in graph.find("benchmark", row).out_paths]


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
            targets(row for row in graph.keys("benchmark") if name in (row, entry_of(row))),


for kind in graph.kinds:

    rule:
        name:
            kind
        input:
            lambda wildcards, kind=kind: graph.inputs(graph.find(kind, wildcards.get("key", ""))),
        output:
            *graph.patterns(kind),
        log:
            f"logs/{graph.scale}/{kind}/{'{key}' if graph.keys(kind) else kind}.log",
        wildcard_constraints:
            key="|".join(graph.keys(kind)),
        params:
            command=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).command,
            tracked=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).params,
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


onsuccess:
    record()


onerror:
    record()
    atexit.register(lambda: print(*last_complaints(), sep="\n", file=sys.stderr))  # after Snakemake's own last words
