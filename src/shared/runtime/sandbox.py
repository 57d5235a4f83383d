"""What a child that reads strangers' files gives up before it reads the first: the network, writing, other programs.

Linux alone: Landlock (kernel 5.13 and later) and a seccomp filter, by system calls, as neither has a small library.
What is given up holds for every thread and cannot be taken back. Sources: landlock(7), seccomp(2),
include/uapi/linux/{landlock,seccomp,filter,audit}.h.
"""

import contextlib
import ctypes
import errno
import os
import struct
from typing import Final

WRITING, NETWORK, PROGRAMS = "writing", "network", "programs"
ALL: Final = frozenset((WRITING, NETWORK, PROGRAMS))

_PR_SET_NO_NEW_PRIVS: Final = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1
_FS_WRITE_FILE: Final = 1 << 1
# Removing, making of every kind; then what later versions know: moving (2), truncating (3).
_FS_WRITING: Final = _FS_WRITE_FILE | sum(1 << bit for bit in range(4, 13))
_FS_REFER, _FS_TRUNCATE = 1 << 13, 1 << 14
# Writing, removing and making files and folders: no devices, sockets, pipes or links.
_FS_OF_FILES: Final = _FS_WRITE_FILE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8
_NET_TCP: Final = 0b11
_SCOPE_SOCKETS_AND_SIGNALS: Final = 0b11

_SET_MODE_FILTER: Final = 1
_ALL_THREADS: Final = 1
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_X32: Final = 0x40000000
"""The bit by which x86-64 calls of another table are told; none of them is needed."""

# Machine → audit number, number of seccomp(2), then of what is refused: socket, execve, execveat, ptrace,
# process_vm_readv, process_vm_writev, io_uring_setup (which opens sockets too), bpf, userfaultfd.
_MACHINES: Final = {
    "x86_64": (0xC000003E, 317, (41, 59, 322, 101, 310, 311, 425, 321, 323)),
    "aarch64": (0xC00000B7, 277, (198, 221, 281, 117, 270, 271, 425, 280, 282)),
}


def give_up_rights(writable: str | None = None) -> frozenset[str]:
    """Gives up what can be given up here, and says which of `ALL` that was.

    Files that are open stay so, and below the folder `writable` files may be made and removed. To be called while there
    is one thread. A kernel that lacks something, or who started this process and forbids it, makes the answer smaller;
    nothing is raised.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return frozenset()
    given_up = set()
    if _restrict_files(libc, writable):
        given_up.add(WRITING)
    if _filter_calls(libc):
        given_up |= {NETWORK, PROGRAMS}
    return frozenset(given_up)


def _restrict_files(libc: ctypes.CDLL, writable: str | None) -> bool:
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _RULESET_VERSION)
    if version < 1:
        return False
    files = _FS_WRITING | (_FS_REFER if version >= 2 else 0) | (_FS_TRUNCATE if version >= 3 else 0)
    handled = [files]
    if version >= 4:
        handled.append(_NET_TCP)
    if version >= 6:
        handled.append(_SCOPE_SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        _allow(libc, ruleset, os.devnull, _FS_WRITE_FILE)
        if writable is not None:
            with contextlib.suppress(OSError):  # it is gone: then nothing can be written there
                _allow(libc, ruleset, writable, _FS_OF_FILES | (_FS_TRUNCATE if version >= 3 else 0))
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _filter_calls(libc: ctypes.CDLL) -> bool:
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    audit, seccomp, refused = machine
    # The number of the call is at 0, the machine's at 4 of what the filter looks at (struct seccomp_data). A jump says
    # how many instructions it leaves out when it holds and when not; the last two allow and refuse.
    tests = [(_JUMP_IF_AT_LEAST, _X32), *((_JUMP_IF_EQUAL, number) for number in refused)]
    program = [(_LOAD, 0, 0, 4), (_JUMP_IF_EQUAL, 0, len(tests) + 2, audit), (_LOAD, 0, 0, 0)]
    program += [(kind, len(tests) - index, 0, value) for index, (kind, value) in enumerate(tests)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    head = struct.pack("@HP", len(program), ctypes.addressof(code))
    return bool(libc.syscall(seccomp, _SET_MODE_FILTER, _ALL_THREADS, head) == 0)
