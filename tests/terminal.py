"""A terminal for a test: a pseudo-terminal that a command runs on, and the screen that a person would see."""

import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from fcntl import ioctl
from pathlib import Path

TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)|\x1b")


class Screen:
    """What stands on a terminal that is as high as one likes, after what was written to it."""

    def __init__(self) -> None:
        self.lines = [""]
        self.shows_cursor = True
        self._row = self._column = 0

    def write(self, text: str) -> None:
        """Take text, line ends, the cursor up, erased lines, a hidden cursor; colours are passed over."""
        for number, final, back, down, plain in TOKEN.findall(text):
            if final == "A":
                self._row = max(0, self._row - int(number or 1))
            elif final == "K":
                self.lines[self._row] = "" if number == "2" else self.lines[self._row][: self._column]
            elif final in "hl" and number == "?25":
                self.shows_cursor = final == "h"
            elif back:
                self._column = 0
            elif down:
                self._row += 1
                self.lines += [""] * (self._row - len(self.lines) + 1)
            elif plain:
                line = self.lines[self._row].ljust(self._column)
                self.lines[self._row] = line[: self._column] + plain + line[self._column + len(plain) :]
                self._column += len(plain)

    @property
    def text(self) -> str:
        """What a person reads."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip()


class Session:
    """A command on a terminal of its own, as its foreground."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], columns: int = 80) -> None:
        self.screen, self.seen = Screen(), ""
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
            os.chdir(folder)
            os.execve(command[0], list(command), dict(environment))
        self.settings = self.settings_now()

    def type(self, keys: str) -> None:
        """Type, such as "\\x03" for Ctrl-C."""
        os.write(self._terminal, keys.encode())

    def until(self, condition: Callable[["Session"], bool], seconds: float = 300) -> None:
        """Read until the condition holds, or fail."""
        end = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < end and self._read(), f"waited in vain; the screen shows\n{self.screen.text}"

    def end(self, seconds: float = 300) -> int:
        """Read until the command has ended; gives its exit code."""
        end = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < end, f"does not end; the screen shows\n{self.screen.text}"
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def settings_now(self) -> list[object]:
        """The terminal's settings, such as whether it echoes what is typed."""
        return list(termios.tcgetattr(self._terminal))

    def _read(self) -> bool:
        """Take what was written within a second; False where the command has ended."""
        if not select.select([self._terminal], [], [], 1.0)[0]:
            return True
        try:
            text = os.read(self._terminal, 1 << 16).decode(errors="replace")
        except OSError:  # nobody is left on the other side
            return False
        self.seen += text
        self.screen.write(text)
        return bool(text)
