"""The system calls by which a process changes files, watched and refused one by one.

A seccomp filter hands each of them to the parent before the kernel acts on it (seccomp_unotify(2)), which lets it
pass, answers with an error number, or kills the caller. That reaches writes from C and Rust as well as Python's, needs
no compiler and no privileges, and counts the same operations in the same order in every run of the same program.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# name: (x86_64, aarch64, where the file is named: "fd", "path" or "at" (folder, path), number of that argument)
_CALLS: dict[str, tuple[int | None, int | None, str, int]] = {
    "write": (1, 64, "fd", 0),
    "pwrite64": (18, 68, "fd", 0),
    "writev": (20, 66, "fd", 0),
    "pwritev": (296, 70, "fd", 0),
    "fsync": (74, 82, "fd", 0),
    "fdatasync": (75, 83, "fd", 0),
    "ftruncate": (77, 46, "fd", 0),
    "fallocate": (285, 47, "fd", 0),
    "sendfile": (40, 71, "fd", 0),
    "copy_file_range": (326, 285, "fd", 2),
    "open": (2, None, "path", 0),
    "creat": (85, None, "path", 0),
    "rename": (82, None, "path", 1),
    "mkdir": (83, None, "path", 0),
    "rmdir": (84, None, "path", 0),
    "unlink": (87, None, "path", 0),
    "truncate": (76, 45, "path", 0),
    "openat": (257, 56, "at", 0),
    "mkdirat": (258, 34, "at", 0),
    "unlinkat": (263, 35, "at", 0),
    "renameat": (264, 38, "at", 2),
    "renameat2": (316, 276, "at", 2),
    "linkat": (265, 37, "at", 2),
}
_COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
_NAMES = {} if _COLUMN is None else {row[_COLUMN]: (name, *row[2:]) for name, row in _CALLS.items() if row[_COLUMN]}
_SECCOMP = {"x86_64": 317, "aarch64": 277}.get(platform.machine(), 0)
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}.get(platform.machine(), 0)
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # ioctls SECCOMP_IOCTL_NOTIF_RECV and _SEND
_GO_ON = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_FD_CWD = 0xFFFFFF9C
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Operation:
    """One change of a file: the call, and the file's path below the watched folder."""

    call: str
    path: str


def install() -> int:
    """Have this process's file calls (and its threads') announced; returns the descriptor to listen on. OSError where
    the kernel has no seccomp notification (Linux before 5.5, or a sandbox)."""
    if _COLUMN is None:
        raise OSError(f"no table of system calls for {platform.machine()}")

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    numbers = [number for number in _NAMES if number is not None]
    count = len(numbers)
    code = struct.pack("HBBI", 0x20, 0, 0, 4)  # load the architecture
    code += struct.pack("HBBI", 0x15, 0, count + 1, _AUDIT_ARCH)  # another: let it pass
    code += struct.pack("HBBI", 0x20, 0, 0, 0)  # load the call's number
    for i, number in enumerate(numbers):
        code += struct.pack("HBBI", 0x15, count - i, 0, number)  # ours: announce it
    code += struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)  # SECCOMP_RET_ALLOW
    code += struct.pack("HBBI", 0x06, 0, 0, 0x7FC00000)  # SECCOMP_RET_USER_NOTIF
    buffer = ctypes.create_string_buffer(code)
    program = Program(count + 5, ctypes.addressof(buffer))
    if _LIBC.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS, which lets anyone install a filter
        raise OSError(ctypes.get_errno(), "prctl refused")
    # SECCOMP_SET_MODE_FILTER, a new listener; no signal but a fatal one interrupts a call that was announced, as none
    # interrupts the writing of a file (Linux 5.19)
    for flags in (8 | 32, 8):
        listener = _LIBC.syscall(_SECCOMP, 1, flags, ctypes.byref(program))
        if listener >= 0:
            break
    else:
        raise OSError(ctypes.get_errno(), "this kernel or sandbox has no seccomp notification")
    return int(listener)


def available() -> bool:
    """Whether calls can be watched here; tried in a child."""
    pid = os.fork()
    if pid == 0:
        try:
            install()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def send_listener(channel: socket.socket) -> None:
    """In the child: start to be watched by whoever holds the other end of `channel`."""
    listener = install()
    socket.send_fds(channel, [b"."], [listener])
    os.close(listener)


def watch(channel: socket.socket, folder: Path, decide: Callable[[Operation], int]) -> None:
    """Ask `decide` about each operation below `folder` until the watched process has ended.

    `decide` returns 0 to let it happen or the errno to answer with; it may also kill the caller.
    """
    _, listeners, _, _ = socket.recv_fds(channel, 1, 1)
    if not listeners:  # it ended before it was watched
        return
    listener, root = listeners[0], os.path.realpath(folder)
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    try:
        while poller.poll()[0][1] & select.POLLIN:  # else everyone that was watched is gone
            notice = bytearray(80)
            if not _spoken(listener, _RECEIVE, notice):
                continue
            identity, pid, _, number = struct.unpack_from("QIIi", notice)
            found = _operation(pid, number, struct.unpack_from("6Q", notice, 32), root)
            answer = decide(found) if found is not None else 0
            _spoken(listener, _SEND, struct.pack("QqiI", identity, 0, -answer, 0 if answer else _GO_ON))
    finally:
        os.close(listener)


def _spoken(listener: int, request: int, record: bytearray | bytes) -> bool:
    """One exchange with the kernel; False when the caller was killed meanwhile."""
    try:
        fcntl.ioctl(listener, request, record)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINTR):
            raise
        return False
    return True


def _operation(pid: int, number: int, arguments: tuple[int, ...], root: str) -> Operation | None:
    """The change of a file below `root` that this call asks for, or None."""
    name, kind, place = _NAMES[number]
    if name in ("open", "openat") and not arguments[1 if name == "open" else 2] & (
        os.O_WRONLY | os.O_RDWR | os.O_CREAT
    ):
        return None
    try:
        if kind == "fd":
            path = os.readlink(f"/proc/{pid}/fd/{arguments[place] & 0xFFFFFFFF}")
        else:
            path = _text(pid, arguments[place + (kind == "at")])
            if not path.startswith("/"):
                start = arguments[place] & 0xFFFFFFFF if kind == "at" else _FD_CWD
                base = "cwd" if start == _FD_CWD else f"fd/{start}"
                path = os.path.join(os.readlink(f"/proc/{pid}/{base}"), path)
    except OSError:  # gone, or a bad descriptor, which the kernel will say itself
        return None
    path = os.path.normpath(path)
    if name.startswith("mkdir") and os.path.isdir(path):  # changes nothing: the kernel says that it is there
        return None
    return Operation(name, path[len(root) + 1 :]) if path.startswith(root + "/") or path == root else None


def _text(pid: int, address: int) -> str:
    """The zero-terminated string at `address` of another process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        found = b""
        while b"\0" not in found and len(found) < 4096:
            part = memory.read(min(256, 4096 - address % 4096))
            if not part:
                break
            found, address = found + part, address + len(part)
    return os.fsdecode(found.split(b"\0")[0])
