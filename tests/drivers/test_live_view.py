"""The live view of a run on a terminal: what it adds, what it leaves, and where there is none."""

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.terminal import Session
from tests.tiny_project import ROOT, Project

SCRIPT = str(ROOT / "tests/drivers/shown_run.py")
LINES = ["one: done in 4 s", f"two: cannot be made: {30 * 'long, '}end", "three has no end of line", "ended with 3"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
VIEW = "1 of 3 stages done, 1 running, 1 waiting"


def shown(*arguments: str, columns: int = 80, **environment: str) -> Session:
    return Session([sys.executable, SCRIPT, "3", *arguments], ROOT, {**ENVIRONMENT, **environment}, columns)


def test_the_view_stands_below_the_lines_and_leaves_them_alone() -> None:
    session = shown(columns=300)
    session.until(lambda now: VIEW in now.screen.text and "two" in now.screen.text)
    first, second, training, counts = session.screen.text.splitlines()
    assert [first, second] == LINES[:2]
    assert training.startswith("train@x") and "25 %" in training
    assert counts == VIEW
    assert session.end() == 0
    assert session.screen.text.splitlines() == LINES
    assert session.screen.shows_cursor and "\x1b[?25l" not in session.seen  # a kill could not bring it back


@pytest.mark.parametrize(
    ("arguments", "environment"), [(["elsewhere"], {}), ([], {"TERM": "dumb"})], ids=["cluster", "dumb"]
)
def test_no_view_where_the_stages_run_elsewhere_or_the_terminal_cannot(
    arguments: list[str], environment: dict[str, str]
) -> None:
    session = shown(*arguments, columns=300, **environment)
    session.end()
    assert VIEW not in session.seen and "\x1b[" not in session.seen
    assert session.screen.text.splitlines()[:2] == LINES[:2]


def test_no_view_in_a_pipe() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "3"], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == LINES[:3] and done.stdout == "ended with 3\n"


def test_no_view_where_only_the_errors_go_to_the_terminal() -> None:
    """As in `make run | tee run.log`."""
    command = f"{sys.executable} {SCRIPT} 3 | cat"
    session = Session(["/bin/sh", "-c", command], ROOT, ENVIRONMENT, columns=300)
    assert session.end() == 0
    assert VIEW not in session.seen and "ended with 3" in session.seen


@pytest.mark.slow
def test_make_run_on_a_terminal_is_stopped_and_goes_on(working: Project) -> None:
    """Ctrl-C while it trains; then to the end, which is the same text as without a terminal."""

    def longer(params: dict[str, Any]) -> None:
        params["finetune"]["rlfn-3"]["learning_rate"] /= 2
        params["scales"]["demo"]["training"]["length"]["later"] = 400

    working.edit(longer)
    plain = working.copy(working.folder.parent / "plain")

    def run() -> Session:
        terminal = working.environment(TERM="xterm-256color")
        return Session([sys.executable, "-m", "esr", "run"], working.folder, terminal, columns=140)

    session = run()
    session.until(lambda now: bool(re.search(r"finetune@\S+ .*\d %.* of 400 iterations.* a second", now.screen.text)))
    assert re.search(r"\d+ of \d+ stages done, \d+ running, \d+ waiting", session.screen.text)
    session.type("\x03")
    assert session.end() == 130
    assert session.settings_now() == session.settings and session.screen.shows_cursor
    assert session.screen.text.splitlines()[-1] == "esr: stopped; `make run` goes on from there"
    assert "stages done" not in session.screen.text
    assert any("was asked to stop" in line for line in session.screen.text.splitlines())
    assert not list(working.folder.glob(".esr/progress/*/*"))

    session = run()
    assert session.end(900) == 0
    assert "\x1b[?25l" not in session.seen and "best PSNR so far" in session.seen
    assert "finetune@rlfn-3" in (working.folder / "reports/demo/trace.html").read_text()
    done = plain.run("esr", "run")
    assert done.returncode == 0 and "\x1b" not in done.stderr + done.stdout
    told = session.screen.text.splitlines()
    assert [_timeless(line) for line in told[-4:]] == [_timeless(line) for line in done.stdout.splitlines()[-4:]]
    assert {_stage(line) for line in told if ": done in " in line} >= {"fuse@rlfn", "benchmark@rlfn", "report"}


def _timeless(line: str) -> str:
    return re.sub(r"[\d.]+", "0", line)


def _stage(line: str) -> str:
    return line.split(": ")[0]
