"""How many mutants of what trains the quick tests kill: a random sample of each room.

    python benchmarks/mutants.py --seed 1

mutmut changes the code, one place at a time: an operator, a number, a string, an argument. A mutant is killed when a
test fails, or does not end; tests are the quick ones of the same rooms (``[tool.mutmut]`` in pyproject.toml). mutmut's
own runner collects the tests anew for each mutant and runs them in any order. Here they are collected once: a process
is forked for each mutant, which runs the tests that come by the changed function, the shortest first, until one fails.
Before that, a mutant of each room is tried that changes nothing: it must survive.

Run it from the repository's root, without PYTHONPATH, which would hide the mutants.
"""

import argparse
import json
import math
import os
import random
import resource
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from records import write_record
from scipy.stats import binomtest

ROOMS = ("training", "compression", "recipes")
CONTROLS = [
    f"esr.{function}__mutmut_0"  # mutmut counts from 1
    for function in (
        "training.curve.xǁCurveǁtrouble",
        "compression.channels.x_remove_channels",
        "recipes.scale.x__kept",
    )
]
MEMORY = 12 * 2**30  # bytes of address space of a mutant's process
SHORTEST_LIMIT, LIMIT_FACTOR = 60.0, 8.0  # seconds that a test may take; times what it took without a change
TOO_LONG = 99  # exit code of a process whose test took longer
SUBPROCESSES = """\
import os, uuid
if os.environ.get("MUTANT_UNDER_TEST") == "stats" and "MUTANT_HITS" in os.environ:
    from mutmut.state import state
    class Hits(set):
        file = os.path.join(os.environ["MUTANT_HITS"], uuid.uuid4().hex)
        def add(self, name):
            if name not in self:
                super().add(name)
                with open(self.file, "a") as file:
                    print(name, file=file)
    state()._stats = Hits()
"""  # notes at once which functions a test comes by in a process that it starts, which may be killed


class Reach:
    """Which functions each test comes by, and how long it takes; a test that fails is left out.

    A fixture that several tests share is made in the first of them; all of them come by what it comes by.
    """

    def __init__(self, hits: Path) -> None:
        from mutmut.state import state

        self.seconds: dict[str, float] = {}
        self.functions: dict[str, set[str]] = defaultdict(set)
        self.failed: dict[str, str] = {}
        self._now = state()._stats
        self._of_fixtures: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._hits = hits

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        before = set(self._now)
        self._now.clear()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._of_fixtures[fixturedef.argname, fixturedef.baseid] |= self._now
            self._now |= before

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed[report.nodeid] = str(report.longrepr)[-2000:]

    def measure(self, items: list[pytest.Item]) -> dict[str, Any]:
        for item, following in zip(items, [*items[1:], None], strict=True):
            self._now.clear()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self.functions[item.nodeid] |= self._now
            for file in self._hits.iterdir():
                self.functions[item.nodeid] |= set(file.read_text().split())
                file.unlink()
        for item in items:
            for (name, folder), functions in self._of_fixtures.items():
                if name in getattr(item, "fixturenames", ()) and item.nodeid.startswith(folder):
                    self.functions[item.nodeid] |= functions
        by_function = defaultdict(list)
        for test in sorted(self.seconds, key=self.seconds.__getitem__):
            for function in self.functions[test] if test not in self.failed else ():
                by_function[function].append(test)
        return {"tests": by_function, "seconds": self.seconds, "failed": self.failed}


class FirstFailure:
    """Ends the process at the first test that fails."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os._exit(TOO_LONG if "Timeout" in str(report.longrepr) else 1)


class Runs:
    """In place of pytest's loop over the tests: one over mutants."""

    def __init__(self, mutants: list[str], minutes: float) -> None:
        self.mutants = mutants
        self.minutes = minutes
        self.verdicts: dict[str, str] = {}
        self.reach: dict[str, Any] = {}
        self.items: dict[str, pytest.Item] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        self.reach = _reach_of(session)
        print(f"{len(self.items)} tests, {sum(self.reach['seconds'].values()):.0f} s", flush=True)
        for test, why in self.reach["failed"].items():
            print(f"left out, fails without a change: {test}\n{why}", flush=True)
        for control in CONTROLS:
            if (verdict := self._verdict(control)) != "survived":
                raise SystemExit(f"{control}, which changes nothing, is {verdict}")
        end = time.monotonic() + 60 * self.minutes
        for number, mutant in enumerate(self.mutants, 1):
            if time.monotonic() > end:
                break
            begun = time.monotonic()
            self.verdicts[mutant] = verdict = self._verdict(mutant)
            took = time.monotonic() - begun
            print(f"{number}/{len(self.mutants)} {verdict} {mutant} ({took:.1f} s)", flush=True)
        return True

    def _verdict(self, mutant: str) -> str:
        from mutmut.mutation.trampoline import set_mutant_under_test
        from mutmut.utils.format_utils import mangled_name_from_mutant_name

        tests = [self.items[test] for test in self.reach["tests"].get(mangled_name_from_mutant_name(mutant), [])]
        if not tests:
            return "reached by no test"
        limits = [max(SHORTEST_LIMIT, LIMIT_FACTOR * self.reach["seconds"][test.nodeid]) for test in tests]

        def run() -> None:
            set_mutant_under_test(mutant)
            tests[0].config.pluginmanager.register(FirstFailure())
            for test, following, limit in zip(tests, [*tests[1:], None], limits, strict=True):
                test.add_marker(pytest.mark.timeout(limit))
                test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)

        code = _in_child(run, sum(limits))
        return {0: "survived", None: "killed, does not end", TOO_LONG: "killed, does not end"}.get(code, "killed")


def _reach_of(session: pytest.Session) -> dict[str, Any]:
    """What ``Reach`` measures, in a process of its own: this one must compute nothing, so that it can be forked."""
    from mutmut.mutation.trampoline import set_mutant_under_test

    hits, result = Path("hits").resolve(), Path("reach.json").resolve()
    hits.mkdir(exist_ok=True)
    os.environ["MUTANT_HITS"] = str(hits)

    def measure() -> None:
        set_mutant_under_test("stats")
        reach = Reach(hits)
        session.config.pluginmanager.register(reach)
        result.write_text(json.dumps(reach.measure(session.items)))

    if _in_child(measure, 3600) != 0:
        raise SystemExit("the tests themselves do not run in the folder mutants")
    reach: dict[str, Any] = json.loads(result.read_text())
    return reach


def _in_child(work: Callable[[], None], limit: float) -> int | None:
    """Do ``work`` in a forked process: its exit code, 0 where it comes to its end; None: not within ``limit`` s."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _end_group(child)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    _end_group(child)
    os.waitpid(child, 0)
    return None


def _end_group(leader: int) -> None:
    """End what a test may have left running."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def make_mutants() -> dict[str, list[str]]:
    """Write all mutants to the folder ``mutants``: their names, room by room."""
    from mutmut.__main__ import collect_source_file_mutation_data, create_mutants
    from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths

    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(1)
    names = [name for _, name, _ in collect_source_file_mutation_data(mutant_names=[])[0]]
    return {room: sorted(name for name in names if name.startswith(f"esr.{room}.")) for room in ROOMS}


def run_tests(mutants: list[str], minutes: float) -> Runs:
    """Run the quick tests of all rooms on mutants, in order, for as long as there is time."""
    from mutmut.configuration import config

    settings = config()
    os.chdir("mutants")
    Path("sitecustomize.py").write_text(SUBPROCESSES)
    os.environ["PYTHONPATH"] = os.getcwd()
    runs = Runs(mutants, minutes)
    options = ["-q", "-s", "--rootdir=.", "-p", "no:cacheprovider", f"--basetemp={Path('tmp').resolve()}"]
    tests = settings.pytest_add_cli_args_test_selection
    if pytest.main([*options, *settings.pytest_add_cli_args, *tests], plugins=[runs]) not in (0, 5):
        raise SystemExit("pytest does not collect the tests in the folder mutants")
    os.chdir("..")
    return runs


def score(told: list[str], mutants: int) -> dict[str, Any]:
    """Counts of a room's sample, and the share that was killed with its 95 % interval (Wilson)."""
    killed = sum(verdict.startswith("killed") for verdict in told)
    interval = binomtest(killed, len(told)).proportion_ci(method="wilson")
    return {
        "mutants": mutants,
        "tried": len(told),
        "killed": killed,
        "of these, did not end": told.count("killed, does not end"),
        "survived": told.count("survived"),
        "reached by no test": told.count("reached by no test"),
        "score": round(killed / len(told), 3),
        "interval": [round(interval.low, 3), round(interval.high, 3)],
    }


def whole(rooms: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The score of all mutants: rooms weigh what they hold; 95 % interval by the normal approximation."""
    mutants = sum(room["mutants"] for room in rooms.values())
    mean, variance = 0.0, 0.0
    for room in rooms.values():
        weight, share, tried = room["mutants"] / mutants, room["killed"] / room["tried"], room["tried"]
        mean += weight * share
        if tried < room["mutants"]:
            left = 1 - tried / room["mutants"]
            variance += weight**2 * share * (1 - share) / (tried - 1) * left
    reach = 1.96 * math.sqrt(variance)
    return {"mutants": mutants, "score": round(mean, 3), "interval": [round(mean - reach, 3), round(mean + reach, 3)]}


def change(mutant: str) -> list[str]:
    """The lines that a mutant takes away and puts in."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(mutant).splitlines()
    return [" ".join(line.split()) for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="what the sample is drawn by")
    parser.add_argument("--per-room", type=int, default=150, help="mutants that are drawn of each room")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop then; what was tried is a sample, too")
    parser.add_argument("--mutants", nargs="+", help="run these instead, and write no record")
    arguments = parser.parse_args()
    rooms = make_mutants()
    print({room: len(names) for room, names in rooms.items()}, flush=True)
    if arguments.mutants:
        run_tests(arguments.mutants, arguments.minutes)
        return
    draw = random.Random(arguments.seed)
    drawn = {room: draw.sample(names, min(arguments.per_room, len(names))) for room, names in rooms.items()}
    # Shuffled, so that what there is no time for leaves a sample of each room.
    chosen = draw.sample([name for names in drawn.values() for name in names], sum(map(len, drawn.values())))
    runs = run_tests(chosen, arguments.minutes)
    scores = {
        room: score([runs.verdicts[name] for name in drawn[room] if name in runs.verdicts], len(names))
        for room, names in rooms.items()
    }
    alive = sorted(name for name, verdict in runs.verdicts.items() if not verdict.startswith("killed"))
    results = {
        "seed": arguments.seed,
        "tests": len(runs.reach["seconds"]),
        "seconds_of_all_tests": round(sum(runs.reach["seconds"].values())),
        "tests_left_out": sorted(runs.reach["failed"]),
        "rooms": scores,
        "whole": whole(scores),
        "not_killed": {name: {"verdict": runs.verdicts[name], "change": change(name)} for name in alive},
    }
    what = (
        "Mutation testing of a random sample of esr/training, esr/compression and esr/recipes: mutants by mutmut,"
        " killed by the quick tests of these rooms. A mutant that no test comes by counts as not killed."
    )
    print(write_record("mutants", what, results))


if __name__ == "__main__":
    main()
