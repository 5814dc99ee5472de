"""A sandbox for a Linux process, used to unpickle untrusted files.

Works without root. Three mechanisms, all of which are required: Landlock (no file is written,
created or removed, no program is started, no file is read except those of Python and its
libraries), seccomp (no socket, no other process, no change of modes and owners), and limits on
processor time and file size.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

NO_NEW_PRIVS, SET_SECCOMP, SET_DUMPABLE = 38, 22, 4
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
ALL_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
NEWEST_RIGHTS = (1 << 16) - 1
TCP_RIGHTS, SCOPES = 3, 3

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
DENIED = {
    # socket connect sendto sendmsg bind listen kill tgkill* ptrace fork vfork execve execveat chmod
    # fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat
    # setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr mount umount2 unshare setns
    # bpf keyctl add_key request_key perf_event_open process_vm_readv process_vm_writev
    # io_uring_setup pidfd_open pidfd_send_signal pidfd_getfd tkill rt_sigqueueinfo init_module
    "x86_64": (41, 42, 44, 46, 49, 50, 62, 101, 57, 58, 59, 322, 90, 91, 268, 452, 92, 93, 94, 260,
               132, 235, 280, 261, 188, 189, 190, 197, 198, 199, 165, 166, 272, 308, 321, 250, 248,
               249, 298, 310, 311, 425, 434, 424, 438, 200, 129, 175),
    "aarch64": (198, 203, 206, 211, 200, 201, 129, 117, 221, 281, 52, 53, 452, 55, 54, 88, 5, 6, 7,
                14, 15, 16, 40, 39, 97, 268, 280, 219, 217, 218, 241, 270, 271, 425, 434, 424, 438,
                130, 138, 105),
}  # fmt: skip
CLONE, CLONE3, NEW_THREAD = {"x86_64": 56, "aarch64": 220}, 435, 0x10000
"""Threads may be started, processes may not; the flags of clone3 are not visible, so it is blocked.
"""
_CALL, _ERRNO, _KILL, _ALLOW = 0, 0x00050001, 0x80000000, 0x7FFF0000  # ERRNO carries EPERM
_FIRST_ARGUMENT, _NO_SUCH_CALL = 16, 0x00050026


class NoSandboxError(Exception):
    """This machine does not support the sandbox; the message says what is missing."""


def shut(seconds: int = 120, most_bytes: int = 8 << 30) -> None:
    """Enter the sandbox; this process cannot leave it.

    Raises NoSandboxError if the kernel lacks a mechanism.
    """
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        raise NoSandboxError(f"a sandbox needs Linux on {' or '.join(ARCHITECTURES)}")
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    _prctl(libc, SET_DUMPABLE, 0)
    _prctl(libc, NO_NEW_PRIVS, 1)
    _landlock(libc, python_paths())
    _seccomp(libc)


def python_paths() -> list[str]:
    """Return the directories from which Python and its libraries are read."""
    found = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, *sys.path}
    found |= {"/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/lib", "/lib64", "/dev/urandom"}
    found |= {"/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/etc/ld.so.cache"}
    return sorted(path for path in found if path and Path(path).exists())


def _landlock(libc: ctypes.CDLL, readable: Sequence[str]) -> None:
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        raise NoSandboxError("this kernel has no Landlock (Linux 5.13 or later, switched on)")
    rights = ALL_FILE_RIGHTS.get(version, NEWEST_RIGHTS)
    fields = [rights, TCP_RIGHTS if version >= 4 else 0, SCOPES if version >= 6 else 0]
    size = 8 * (1 + (version >= 4) + (version >= 6))
    ruleset = libc.syscall(CREATE_RULESET, struct.pack("=QQQ", *fields), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise NoSandboxError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    for path in readable:
        _may_read(libc, ruleset, path)
    if libc.syscall(RESTRICT_SELF, ruleset, 0):
        raise NoSandboxError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)


def _may_read(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rights = READ_FILE | (READ_DIR if Path(path).is_dir() else 0)
    if libc.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, opened), 0):
        raise NoSandboxError(f"Landlock: {path}: {os.strerror(ctypes.get_errno())}")
    os.close(opened)


def _seccomp(libc: ctypes.CDLL) -> None:
    machine = platform.machine()
    denied = DENIED[machine]
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, ARCHITECTURES[machine]), (0x06, 0, 0, _KILL)]
    program += [(0x20, 0, 0, _CALL)]
    if machine == "x86_64":  # the numbers of the x32 interface would bypass the list
        program += [(0x35, 0, 1, 0x40000000), (0x06, 0, 0, _KILL)]
    program += [(0x15, 0, 1, CLONE3), (0x06, 0, 0, _NO_SUCH_CALL)]
    program += [(0x15, 0, 4, CLONE[machine]), (0x20, 0, 0, _FIRST_ARGUMENT)]
    program += [(0x45, 0, 1, NEW_THREAD), (0x06, 0, 0, _ALLOW), (0x06, 0, 0, _ERRNO)]
    for i, call in enumerate(denied):
        program += [(0x15, len(denied) - i, 0, call)]
    program += [(0x06, 0, 0, _ALLOW), (0x06, 0, 0, _ERRNO)]
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    if libc.prctl(SET_SECCOMP, 2, filter_program, 0, 0):
        raise NoSandboxError(f"seccomp: {os.strerror(ctypes.get_errno())}")


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0):
        raise NoSandboxError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")
