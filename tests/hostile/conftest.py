"""The command line, called in this process as a user would call it."""

from collections.abc import Callable

import pytest

from esr import cli
from tests.hostile.refusals import Outcome


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run ``esr ARGUMENTS...``; gives exit code, standard output and standard error."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["esr", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run
