"""``make run``: everything that is not up to date, through Snakemake, after whatever happened before."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

from esr.common.errors import EsrError, Terminated, printable
from esr.common.lock import at_once
from esr.driving.closing import finished_rows, last_lines
from esr.driving.following import Follower
from esr.driving.lacking import Lacking
from esr.driving.live import view_of
from esr.driving.syncing import is_up_to_date, sync_records
from esr.recipes.graph import Graph, read_graph
from esr.recipes.read import Params, check
from esr.stages.evidence import Evidence
from esr.stages.last_words import forget_last_words, last_words
from esr.stages.snakemake_record import COMPLAINTS_ONLY, SYNCING, clear_stale_lock, wait_for_snakemake
from esr.tracking.mirror import drain

SNAKEMAKE = [sys.executable, "-m", "snakemake", "--rerun-incomplete", *COMPLAINTS_ONLY]
HERE = ["--cores", "all"]
PROFILES = Path("workflow/profiles")
ENTRIES_VIEW = "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=entries"
LOCK = Path(".esr/run.lock")
NOTHING_TO_DO = "Nothing to be done: every stage is up to date."
NOTHING_ELSE = "Nothing to be done: every stage that can be made is up to date."


def run_everything(profiles: Sequence[str] = ()) -> int:
    """Run what is out of date and print the leaderboard; gives the exit code.

    A run that was killed is unlocked and gone on with; a run that is at work is an error. A Snakemake that works here
    without one, as when its `make run` was killed, is waited for.

    Args:
        profiles: of Snakemake, which give the stages to a cluster: a name in ``workflow/profiles``, or what Snakemake
            takes for one. None: the stages run on this machine.

    Raises:
        Terminated: SIGTERM, Ctrl-C or the end of the terminal; the stages have saved their state, Snakemake has ended.
    """
    graph = read_graph()
    params = check(graph.params)
    lacking = Lacking(graph, params)
    LOCK.parent.mkdir(exist_ok=True)
    with at_once(LOCK) as alone:
        if not alone:
            raise EsrError("another `make run` is at work in this folder; wait for it, or stop it first")
        done = _bring_up_to_date(lacking, _where(profiles))
    unsent = drain(elsewhere=bool(profiles))
    if unsent:
        print(printable(unsent), file=sys.stderr)
    if not done:
        _tell_what_is_there(lacking)
        return 2
    _tell_traces(graph, params)
    _tell_what_next(params)
    return 0


def _where(profiles: Sequence[str]) -> list[str]:
    """Snakemake's arguments that say where the stages run."""
    named = [str(PROFILES / name) if (PROFILES / name).is_dir() else name for name in profiles]
    return [word for name in named for word in ("--profile", name)] or HERE


def _bring_up_to_date(lacking: Lacking, where: list[str]) -> bool:
    """Whether everything is up to date in the end; what cannot be made is printed first and left out."""
    graph = lacking.graph
    if is_up_to_date(graph):
        print(NOTHING_TO_DO)
        return True
    wait_for_snakemake()
    clear_stale_lock()
    forget_last_words()
    stale = sync_records()
    for line in lacking.messages():
        print(line, file=sys.stderr)
    if damaged := _damaged(graph, stale - lacking.left_out):
        print(f"Made again, because their outputs are damaged: {', '.join(damaged)}", file=sys.stderr)
        outputs = [path for name in damaged for path in graph.nodes[name].out_paths]
        _snakemake(lacking, damaged, where, "--forcerun", *outputs, "--", *outputs)
        stale = sync_records()
    if not stale - lacking.left_out:
        print(NOTHING_ELSE if stale else NOTHING_TO_DO)
        return not stale
    wanted = sorted(stale - lacking.left_out)
    forced = [path for name in wanted for path in graph.nodes[name].out_paths if Path(path).exists()]
    again = ["--forcerun", *forced, "--", "all"] if forced else []  # independent of the files' times
    well = _snakemake(lacking, wanted, where, *again)
    stale = sync_records()
    unexplained = sorted(stale - lacking.left_out)
    if unexplained and not last_words():
        print(f"esr: not up to date: {', '.join(unexplained)}; `dvc status` says why", file=sys.stderr)
    return well and not stale


def _damaged(graph: Graph, stale: set[str]) -> list[str]:
    """The stages whose damaged outputs could not be brought back and must be made again."""
    evidence = Evidence(graph)
    return [name for name in graph.nodes if name in stale and evidence.repairable(graph.nodes[name])]


def _snakemake(lacking: Lacking, wanted: Sequence[str], where: list[str], *arguments: str) -> bool:
    """Run Snakemake to its end, to make the stages ``wanted``; whether it ended well."""
    with view_of(lambda: Follower(lacking.graph, lacking.params, wanted), elsewhere=where != HERE) as view:
        process = subprocess.Popen(
            [*SNAKEMAKE, *where, *arguments],
            env={**os.environ, SYNCING: "1", **view.environment},
            stdout=view.output,
            stderr=view.output,
            process_group=0,  # of its own, so that Ctrl-C reaches it in the order in which it can end well
        )
        with _stopping(process, signal.SIGTERM if where == HERE else signal.SIGINT) as asked:
            code = view.wait(process, lambda: bool(asked))
    if asked:
        raise Terminated("stopped; `make run` goes on from there", asked[0])
    return code == 0


@contextmanager
def _stopping(process: "subprocess.Popen[bytes]", end: signal.Signals) -> Iterator[list[int]]:
    """While ``process`` (Snakemake) runs, pass on what asks this process to stop; gives the signals that came.

    Args:
        end: what Snakemake is sent. After SIGTERM it starts no other stage and waits for those that run, which have
            been asked to stop; after SIGINT it also cancels what it has given to a cluster.
    """
    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        with suppress(psutil.Error):
            snakemake = psutil.Process(process.pid)
            stages = list(_stages(snakemake.children(recursive=True)))
            snakemake.send_signal(end)
            for stage in stages:
                stage.terminate()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stages(processes: Iterable[psutil.Process]) -> Iterator[psutil.Process]:
    for process in processes:
        with suppress(psutil.Error):
            if process.cmdline()[1:3] == ["-m", "esr"]:
                yield process


def _tell_what_is_there(lacking: Lacking) -> None:
    """The leaderboard of the rows that are finished, which is on the terminal alone, and what keeps the others."""
    from esr.evaluation.metrics import read_metrics
    from esr.report.leaderboard import print_rows

    params = lacking.params
    there = {node.key: node.output("metrics.json") for node in finished_rows(lacking.graph)}
    rows = {key: row for key, row in params.benchmark.items() if key in there}
    if rows:
        print(f"Finished so far are {len(rows)} of {len(params.benchmark)} rows; the report waits for all of them:")
        print_rows(params.entries, rows, params.scale, {key: read_metrics(path) for key, path in there.items()})
    sys.stdout.flush()
    print(*last_lines(lacking), sep="\n", file=sys.stderr)


def _tell_traces(graph: Graph, params: Params) -> None:
    """Bring the page of all trails up to date, which no stage writes."""
    from esr.audit.writing_traces import is_behind, write_trace_page

    if is_behind(graph):
        _, trouble = write_trace_page(graph, params)
        if trouble:
            print(printable(trouble), file=sys.stderr)


def _tell_what_next(params: Params) -> None:
    from esr.report.leaderboard import print_leaderboard

    folder = Path("reports", params.scale)
    print_leaderboard(folder / "leaderboard.csv", params.rule.data.stand_in or bool(params.rule.data.in_place_of))
    print(f"Open the page:     {folder / 'index.html'}")
    print(f"Compare the runs:  mlflow ui, then {ENTRIES_VIEW}")
    others = " or ".join(name for name in params.scales if name != params.scale)
    print(f"Change the scale:  edit `scale: {params.scale}` in params.yaml to {others}, then run again")
    if "VIRTUAL_ENV" not in os.environ:
        print("For mlflow, dvc and snakemake by hand: source .venv/bin/activate")
