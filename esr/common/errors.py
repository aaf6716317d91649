"""The one error that a user is meant to read, and texts that are safe to show."""


class EsrError(Exception):
    """Bad input, in one line that names the culprit (file, row, image) and the remedy.

    The command line prints the message alone, without a traceback, and exits with code 2.
    """


class Terminated(Exception):
    """A stage was asked to stop by a signal, and goes on or begins again when it is run again.

    The exit code is a shell's: 128 and the signal's number.
    """

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.exit_code = 128 + signal


def printable(text: str) -> str:
    r"""The text with everything that is not a plain character written out, such as ``\x1b`` or ``\n``.

    Names of files may hold what moves a terminal's cursor or ends a line, and bytes that no encoding has. The result is
    one line that does nothing to a terminal and can be written as UTF-8.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def on_one_line(error: BaseException) -> str:
    """An error's kind and what it says, on one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice: Python's and NumPy's error, torch's on a GPU and torch's on a CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
