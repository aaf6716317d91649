"""The one error that a user is meant to read."""


class EsrError(Exception):
    """Bad input, told in one line that names the culprit (file, row, image) and the remedy.

    The command line prints the message alone, without a traceback, and exits with code 2.
    """
