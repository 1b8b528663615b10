"""Locks that tell whether a process is alive: the system lets go of them when their process is gone, however it ended.

A lock is proof only where everybody who sees the file sees the lock too. On a network drive, or in a folder that a
virtual machine lends to another, it may be known to one machine alone. So nothing is locked, and nobody is taken for
dead, but on file systems that are known to belong to one system.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from typing import Any

from atio_core.storage import durable

if sys.platform != "win32":
    import fcntl

# What `statfs` says of a file system's kind on Linux (linux/magic.h).
_OF_ONE_SYSTEM = {
    0xEF53,  # ext2, ext3, ext4
    0x58465342,  # xfs
    0x9123683E,  # btrfs
    0x01021994,  # tmpfs
    0x858458F6,  # ramfs
    0x794C7630,  # overlayfs: containers' own
    0x2FC12FC1,  # zfs
    0xF2F52010,  # f2fs
    0xCA451A4E,  # bcachefs
    0x3153464A,  # jfs
    0x4D44,  # vfat
    0x2011BAB0,  # exfat
    0x7366746E,  # ntfs3
}
_Answer = ctypes.c_char * 4096  # more than any system's
_MACOS_FLAGS_AT = 64
_MACOS_LOCAL = 0x1000


def reach_everybody(folder: str) -> bool:
    """Whether locks on the files in a folder are seen by all who can see the files.

    Args:
        folder: The folder.

    Returns:
        False where that isn't known.
    """
    if sys.platform == "linux":
        return _statfs(folder, 0, ctypes.c_long) in _OF_ONE_SYSTEM
    if sys.platform == "darwin":
        return bool(_statfs(folder, _MACOS_FLAGS_AT, ctypes.c_uint32) & _MACOS_LOCAL)
    return False


def take(fd: int) -> bool:
    """Lock an open file or folder for us alone, unless somebody else has locked it.

    Args:
        fd: Its descriptor. The lock goes with it.

    Returns:
        Whether it is ours now.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody else's, or the system has no such locks: either way it isn't ours
        return False
    return True


def wait(fd: int) -> bool:
    """Lock an open file or folder, as soon as nobody else has it locked.

    Args:
        fd: Its descriptor.

    Returns:
        Whether it is ours now: False where the system has no such locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}:
            raise
        return False
    return True


def release(fd: int) -> None:
    """Unlock, also for child processes that have inherited the descriptor.

    Args:
        fd: What `take` or `wait` locked.
    """
    fcntl.flock(fd, fcntl.LOCK_UN)


def _statfs(folder: str, at: int, number: type[ctypes.c_long | ctypes.c_uint32]) -> int:
    """A number in what the system says of a folder's file system; 0 if it says nothing."""
    call, answer = _statfs_call(), _Answer()
    return number.from_buffer(answer, at).value if call and call(os.fsencode(folder), answer) == 0 else 0


@functools.cache
def _statfs_call() -> Any:
    libc = durable.libc()
    return getattr(libc, "statfs$INODE64", None) or getattr(libc, "statfs", None)  # the former on macOS
