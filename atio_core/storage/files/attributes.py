"""What a file's replacement takes over from it: owner, permission bits, access list, users' attributes.

The rule: as much as the system lets us, and never more rights for anybody than the old file gave.
"""

from __future__ import annotations

import errno
import os
import stat

_KEPT = ("user.", "system.posix_acl_access")
_NOT_ALLOWED = {errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def keep(old_path: str, old: os.stat_result, fd: int) -> None:
    """Give an open file what the file that it will replace has.

    Args:
        old_path: The file that will be replaced. It may be gone meanwhile.
        old: What `os.stat` said of it.
        fd: The new file.

    Raises:
        OSError: The system failed, beyond not allowing it.
    """
    _keep_extended(old_path, fd)
    _keep_owner_and_bits(old, fd)  # last: a change of owner takes bits away


def make_executable(fd: int) -> None:
    """Let those who may read an open file run it."""
    bits = stat.S_IMODE(os.fstat(fd).st_mode)
    _set_bits(fd, bits | (bits & 0o444) >> 2)


def _keep_extended(old_path: str, fd: int) -> None:
    if not hasattr(os, "listxattr"):
        return
    try:
        kept = {name for name in os.listxattr(old_path) if name.startswith(_KEPT)}
        inherited = {name for name in os.listxattr(fd) if name.startswith(_KEPT)}
        for name in inherited - kept:  # the folder's defaults may let in more people than the old file did
            os.removexattr(fd, name)
        for name in kept:
            os.setxattr(fd, name, os.getxattr(old_path, name))
    except OSError as error:
        if error.errno not in _NOT_ALLOWED | {errno.ENOENT, errno.ENODATA}:  # gone meanwhile: nothing to keep
            raise


def _keep_owner_and_bits(old: os.stat_result, fd: int) -> None:
    new = os.fstat(fd)
    bits = stat.S_IMODE(old.st_mode)
    if new.st_gid != old.st_gid and not _give(fd, -1, old.st_gid):
        common = bits >> 3 & bits & stat.S_IRWXO  # the old group's members are among the others now
        bits = bits & (stat.S_IRWXU | stat.S_ISUID | stat.S_ISVTX) | common << 3 | common
    if new.st_uid != old.st_uid and not _give(fd, old.st_uid, -1):
        bits &= ~stat.S_ISUID
    if bits != stat.S_IMODE(os.fstat(fd).st_mode):
        _set_bits(fd, bits)


def _set_bits(fd: int, bits: int) -> None:
    if not hasattr(os, "fchmod"):
        return
    try:
        os.fchmod(fd, bits)
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:  # vfat, some network drives: all files have the same bits there
            raise


def _give(fd: int, owner: int, group: int) -> bool:
    try:
        os.fchown(fd, owner, group)
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
        return False
    return True
