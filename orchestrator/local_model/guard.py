"""Runs one command and ends it when whoever started this guard is gone. Standard library only; run by path.

``python -I -S guard.py COMMAND ARGUMENT...`` with a pipe as standard input. The pipe is the life line: when its other
end is closed, by `close()`, by the owner's exit or by the kernel after a SIGKILL, the command's process group gets
SIGTERM and, `GRACE_S` later, SIGKILL. SIGTERM to the guard does the same. If the guard itself is killed, Linux kills
the command (PR_SET_PDEATHSIG). The exit code is the command's, or 128 + signal as in a shell.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time

GRACE_S = 1.0
"""Seconds between SIGTERM and SIGKILL; the command must be gone within 2 s."""

CANNOT_START = 127
_LIFE_LINE = 0
_PR_SET_PDEATHSIG = 1


def _die_with_guard(guard_pid: int) -> None:
    """Ask the kernel, in the new child before it becomes the command, to kill it when the guard dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard_pid:  # the guard died before the request took effect
        os.kill(os.getpid(), signal.SIGKILL)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    guard_pid = os.getpid()
    # preexec_fn is safe here: the guard has a single thread.
    return subprocess.Popen(  # noqa: S603 - the command is the owner's, given as a list
        command,
        stdin=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=(lambda: _die_with_guard(guard_pid)) if sys.platform == "linux" else None,
    )


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child has exited; where possible it is not reaped: its process group's number stays taken."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return child.poll() is not None
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _wait(child: subprocess.Popen[bytes], wakeup: socket.socket, asked: list[int]) -> None:
    """Return when the command has ended, the life line is closed, or SIGTERM came."""
    while not asked and not _has_ended(child):
        readable, _, _ = select.select([_LIFE_LINE, wakeup.fileno()], [], [])
        # Whatever is readable is either consumed or at its end, which ends the wait: there is nothing to spin on.
        if wakeup.fileno() in readable and not wakeup.recv(64):
            return
        if _LIFE_LINE in readable and not os.read(_LIFE_LINE, 64):
            return


def _end(child: subprocess.Popen[bytes], wakeup: socket.socket) -> None:
    _signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while not _has_ended(child) and (left := deadline - time.monotonic()) > 0:
        if select.select([wakeup], [], [], left)[0] and not wakeup.recv(64):
            return


def main(command: list[str]) -> int:
    """Run `command` until it ends or the life line is cut; returns the exit code."""
    asked: list[int] = []
    wakeup, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.set_wakeup_fd(signalled.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    try:
        child = _start(command)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"cannot start {command[0]}: {error}\n")
        return CANNOT_START
    try:
        _wait(child, wakeup, asked)
    finally:  # a life line that cannot be read is cut
        if not _has_ended(child):
            _end(child, wakeup)
        _signal_group(child, signal.SIGKILL)  # also what the command left behind in its group
        code = child.wait()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
