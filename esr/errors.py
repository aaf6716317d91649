"""The one error that a user is meant to read."""


class EsrError(Exception):
    """Bad input, told in one line that names the culprit (file, row, image) and the remedy.

    The command line prints the message alone, without a traceback, and exits with code 2.
    """


class Terminated(Exception):
    """A stage was asked to stop by a signal, and goes on or begins again when it is run again.

    The exit code is a shell's: 128 and the signal's number.
    """

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.exit_code = 128 + signal
