"""Limits that a process puts on itself before it runs strangers' code: no network, no writing but in a folder.

The kernel keeps them, for an ordinary user, too: a network namespace without a device (``unshare``), and Landlock rules
for files (``man 7 landlock``). They do not bar reading files, talking to a server by a socket that is a file, or using
up memory and time.
"""

import ctypes
import os
import struct
import sys
from pathlib import Path

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_CHANGES = sum(1 << bit for bit in range(4, 13))  # remove and make files, folders, sockets, links, devices
_TCP = 0b11  # bind and connect
_SIGNALS_AND_SOCKETS = 0b11  # to processes outside
_TRUNCATE_SINCE, _TCP_SINCE, _SCOPES_SINCE = 3, 4, 6


def confine(folder: Path) -> list[str]:
    """Bar this process and its children from the network, and from writing anywhere but in ``folder``.

    It has to be called before there is a second thread.

    Returns:
        what this system cannot bar, a few words each.
    """
    if sys.platform != "linux":
        return ["the network", "writing files"]
    libc = ctypes.CDLL(None, use_errno=True)
    network, files = _leave_network(libc), _bar_writing(libc, folder)
    return ([] if network else ["the network"]) + ([] if files else ["writing files"])


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Enter a network namespace of its own, as the same user."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:  # it goes on as nobody, who may write nothing: safe, if of less use
        pass
    return True


def _bar_writing(libc: ctypes.CDLL, folder: Path) -> bool:
    """Landlock: all changes of files are barred, and then allowed in ``folder``; so are devices that harm none."""
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < _TRUNCATE_SINCE:  # before, a file could be emptied all the same
        return False
    writing = _WRITE_FILE | _TRUNCATE
    attributes = [writing | _CHANGES]
    if version >= _TCP_SINCE:
        attributes.append(_TCP)
    if version >= _SCOPES_SINCE:
        attributes.append(_SIGNALS_AND_SOCKETS)
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    rules = libc.syscall(_CREATE_RULESET, packed, len(packed), 0)
    if rules < 0:
        return False
    devices = [Path(os.devnull), *Path("/dev").glob("nvidia*")]  # CUDA opens its devices for writing
    allowed = _allow(libc, rules, folder, writing | _CHANGES) and all(
        _allow(libc, rules, device, writing) for device in devices
    )
    return allowed and libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and libc.syscall(_RESTRICT_SELF, rules, 0) == 0


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> bool:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return bool(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0) == 0)
    finally:
        os.close(place)
