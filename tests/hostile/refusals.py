"""What a refusal looks like: one printable line, exit code 2, nothing on standard output."""

Outcome = tuple[int, str, str]
"""Exit code, standard output, standard error."""


def refused(outcome: Outcome, *told: object) -> None:
    """The command refused in one line, and the line names all of ``told``."""
    code, out, err = outcome
    assert (code, out) == (2, "")
    assert err.startswith("esr: ") and err.count("\n") == 1
    assert err[:-1].isprintable()
    for part in told:
        assert str(part) in err
