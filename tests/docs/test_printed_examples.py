"""What README.md and the pages show of commands is what these print; a page that shows something else is found out."""

from pathlib import Path

import printed
import pytest


@pytest.mark.parametrize("page", printed.pages(), ids=lambda page: page.stem)
def test_examples_show_what_commands_print(page: Path) -> None:
    assert printed.renewed(page.read_text()) == page.read_text()


def test_an_old_example_is_renewed_and_one_that_trains_is_left_alone() -> None:
    trained = "```console\n$ snakemake --cores all\n39 of 39 steps (100%) done\n```\n"
    without_output = "```console\n$ esr recipe rlfn\n```\n"
    old = "```console\n$ esr --help | grep -o ARGS\nold\n```\n"
    new = "```console\n$ esr --help | grep -o ARGS\nARGS\n```\n"
    assert printed.renewed(trained + without_output + old) == trained + without_output + new


def test_there_are_examples_of_each_kind() -> None:
    text = "".join(page.read_text() for page in printed.pages())
    for command in ("esr recipe", "esr complexity", "esr --help"):
        assert f"```console\n$ {command}" in text
