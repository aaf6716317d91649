# One rule per kind of stage in dvc.yaml, with the wildcard {key}; one target per entry and per row of `benchmark`.
# Loop variables are bound as defaults of the lambdas: Snakemake calls these long after the loop has ended.

import atexit
import functools
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version, validate

min_version("9.20")

sys.path.insert(0, workflow.basedir)  # this folder's esr, also where another one is installed
from esr.common.errors import EsrError
from esr.common.files import hash_of
from esr.driving.closing import last_lines
from esr.driving.lacking import Lacking
from esr.recipes.graph import read_graph
from esr.recipes.read import check
from esr.stages.digests import Digests
from esr.stages.evidence import Evidence
from esr.stages.last_words import forget_last_words, last_words
from esr.stages.refusing import refuse_gap, refuse_stale, refuse_to_drive
from esr.stages.requeueing import have_jobs_warned, requeue_when_asked
from esr.stages.snakemake_record import SYNCING, end_with_the_terminal, hush, keep_digests, prepare_jobs
from esr.tracking.mirror import drain

prepare_jobs()
keep_digests()
if workflow.remote_exec:  # in a job of a cluster
    requeue_when_asked()
elif workflow.is_main_process:
    end_with_the_terminal()
    have_jobs_warned()
# `exec`, because a scheduler signals every process of a job: were the shell to die of it, the stage could save nothing.
shell.prefix("set -euo pipefail; exec ")

try:
    graph = read_graph()
    lacking = Lacking(graph, check(graph.params))
    graph.in_order()
    if SYNCING in os.environ:
        hush()
    elif workflow.is_main_process:
        refuse_to_drive(graph)
except EsrError as error:
    raise WorkflowError(str(error)) from None
validate(graph.params, "workflow/params.schema.json", set_default=False)


report: "workflow/report/workflow.rst"


if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:

    container: os.environ.get("ESR_IMAGE", "esr.sif")


SHOWN = {
    "index.html": ("Leaderboard", "index"),
    "leaderboard.csv": ("Leaderboard", "leaderboard"),
    "leaderboard.svg": ("Leaderboard", "plot"),
    "crops.png": ("Crops", "crops"),
    "curves.svg": ("Curves", "curves"),
    "curve.csv": ("Curves", "curve"),
}
"""What `snakemake --report` shows, under which title, and the name of its caption in workflow/report."""


def marked(path):
    """An output, marked for `snakemake --report` if it is shown there."""
    name = Path(path).name
    if name not in SHOWN:
        return path
    category, caption = SHOWN[name]
    label = {"row": "{key}"} if "{key}" in path else {"file": name}
    return report(path, caption=f"workflow/report/{caption}.rst", category=category, labels=label)


def entry_of(row):
    return graph.params["benchmark"][row]["entry"]


def targets(*nodes):
    """Their outputs and those of all that they are made from: Snakemake overlooks a missing file in between."""
    return [path for node in [*nodes, *graph.ancestors(*nodes)] for path in node.out_paths]


def is_reporting():
    """Whether `--report` is all that was asked for: it takes what is there, current or not, and no setting tells."""
    options = {word.partition("=")[0] for word in sys.argv}
    return "--report" in options and "--report-after-run" not in options


@functools.cache
def evidence():
    return Evidence(graph)


def inputs(kind, wildcards):
    """The inputs of a job; asked for when the graph is built, which is when the targets are known."""
    node = graph.find(kind, wildcards.get("key", ""))
    try:
        if is_reporting():
            refuse_stale(evidence(), [node], "a report")
        for target in workflow.dag_settings.targets if SYNCING not in os.environ else ():
            lacking.refuse([each for each in [graph.producers.get(target) or graph.nodes.get(target)] if each], target)
            refuse_gap(graph, target)
    except EsrError as error:
        sys.exit(f"esr: {error}")  # one line: Snakemake would put a traceback around an exception
    return graph.inputs(node)


def row_inputs(name):
    """The inputs of the rule of an entry or a row of `benchmark`."""
    rows = [graph.find("benchmark", row) for row in graph.keys("benchmark") if name in (row, entry_of(row))]
    try:
        lacking.refuse(rows, name)
    except EsrError as error:
        sys.exit(f"esr: {error}")
    return targets(*rows)


def wants_all():
    return not workflow.dag_settings.targets or "all" in workflow.dag_settings.targets


def makeable(messages=()):
    """All files that can be made, when ``messages`` were printed of the others."""
    for line in messages:
        print(line, file=sys.stderr)
    return [path for path, node in graph.producers.items() if node.name not in lacking.left_out]


def cores():
    """The cores to share out; None where it is for a scheduler to give a job a machine, or where nothing is run."""
    return workflow.cores if workflow.execution_settings and workflow.local_exec and workflow.is_main_process else None


def nodes(node):
    """Slurm's nodes: several GPUs are to be in one; else it knows."""
    return 1 if node.resources.get("gpu", 0) > 1 else None


def slurm_extra(node):
    """What Slurm is told besides: what wants the whole machine gets a node to itself."""
    return "--exclusive" if node.resources.get("threads") == "all" else None


digests = Digests()


def sources(node):
    """A hash of the files that no stage makes: Snakemake itself overlooks one that was edited and kept its time."""
    return hash_of({path: digests.of(path) for path in node.deps if path not in graph.producers})


localrules:
    all,


if lacking.lacks and SYNCING not in os.environ:

    rule all:
        input:
            lambda wildcards: makeable(lacking.messages()),
        shell:
            "false  # all that can be made is made; the last lines say what is not"

else:

    rule all:
        input:
            makeable(),


for name in dict.fromkeys([entry_of(row) for row in graph.keys("benchmark")] + graph.keys("benchmark")):

    rule:
        name:
            name
        localrule: True
        input:
            lambda wildcards, name=name: row_inputs(name),


for kind in graph.kinds:

    rule:
        name:
            kind
        input:
            lambda wildcards, kind=kind: inputs(kind, wildcards),
        output:
            *map(marked, graph.patterns(kind)),
        log:
            f"logs/{graph.scale}/{kind}/{'{key}' if graph.keys(kind) else kind}.log",
        wildcard_constraints:
            key="|".join(graph.keys(kind)),
        params:
            command=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).command,
            tracked=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).params,
            sources=lambda wildcards, kind=kind: sources(graph.find(kind, wildcards.get("key", ""))),
        localrule: graph.is_small(kind)
        threads: lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).threads(cores())
        resources:
            gpu=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).resources.get("gpu", 0),
            mem_mb=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).resources["mem_mb"],
            runtime=lambda wildcards, kind=kind: graph.find(kind, wildcards.get("key", "")).resources["runtime"],
            nodes=lambda wildcards, kind=kind: nodes(graph.find(kind, wildcards.get("key", ""))),
            slurm_extra=lambda wildcards, kind=kind: slurm_extra(graph.find(kind, wildcards.get("key", ""))),
        shell:
            "{params.command}"


def record():
    """Tell DVC what was made, also after a run that failed halfway; and MLflow, whose mirrors end with a cluster's jobs."""
    if SYNCING not in os.environ:
        subprocess.run([sys.executable, "-m", "esr", "sync", "--dvc"], check=False)
        if not workflow.local_exec:
            print(*filter(None, [drain(elsewhere=True)]), file=sys.stderr)


onstart:
    if SYNCING not in os.environ:
        forget_last_words()


onsuccess:
    record()


onerror:
    record()
    if SYNCING not in os.environ:
        lines = last_lines(lacking) if wants_all() else last_words()
        atexit.register(lambda: print(*lines, sep="\n", file=sys.stderr))  # after Snakemake's own
