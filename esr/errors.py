"""The one error that a user is meant to read."""


class EsrError(Exception):
    """Bad input, told in one line that names the culprit (file, row, image) and the remedy.

    The command line prints the message alone, without a traceback, and exits with code 2.
    """


class Terminated(Exception):
    """A stage was asked to stop (SIGTERM), has saved its state and goes on from there when run again; exit code 143."""
