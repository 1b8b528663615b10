import errno
import os
import struct
from pathlib import Path

import pytest

from tests.support.replacing import NOBODY, as_nobody, bits, needs_root, replace


def set_attribute(path: Path, name: str, value: bytes) -> None:
    """Set an extended attribute, or skip the test where there are none."""
    if not hasattr(os, "setxattr"):
        pytest.skip("this system has no extended attributes")
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip("this file system has no such attributes")


def access_list(user: int, rights: int) -> bytes:
    """An access list as the kernel keeps it: rw- for owner and mask, --- for group and others, `rights` for a user."""
    undefined = 0xFFFFFFFF
    entries = [
        (1, 6, undefined),
        (2, rights, user),
        (4, 0, undefined),
        (16, 6, undefined),
        (32, 0, undefined),
    ]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_bits_of_any_new_file(tmp_path: Path, mask: int) -> None:
    """A new file gets what the umask leaves of rw-rw-rw-."""
    before = os.umask(mask)
    try:
        replace(tmp_path / "a.csv")
    finally:
        os.umask(before)
    assert bits(tmp_path / "a.csv") == 0o666 & ~mask


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o644, 0o664, 0o666, 0o755, 0o2640])
def test_the_old_bits_are_kept(old: Path, kept: int) -> None:
    """The new file has the old one's permission bits, whatever the umask."""
    old.chmod(kept)
    replace(old)
    assert bits(old) == kept


@needs_root
def test_the_owner_is_kept(old: Path) -> None:
    """Where allowed, the new file belongs to the old one's owner and group, setuid bits included."""
    os.chown(old, 1234, 2345)
    old.chmod(0o6750)
    replace(old)
    assert (old.stat().st_uid, old.stat().st_gid, bits(old)) == (1234, 2345, 0o6750)


@needs_root
@pytest.mark.parametrize(
    ("before", "after"), [(0o666, 0o666), (0o646, 0o644), (0o606, 0o600), (0o662, 0o622), (0o6666, 0o666)]
)
def test_an_owner_that_cannot_be_kept_opens_the_file_to_nobody(before: int, after: int) -> None:
    """Where owner and group can't be kept, nobody but the new owner gets a right that he didn't have."""
    with as_nobody() as folder:
        path = folder / "prices.csv"
        path.write_bytes(b"old")
        os.seteuid(0)
        os.chown(path, 1234, 2345)
        path.chmod(before)
        os.seteuid(NOBODY)
        replace(path)
        assert (path.stat().st_uid, path.stat().st_gid, bits(path)) == (NOBODY, NOBODY, after)


def test_the_attributes_are_kept(old: Path) -> None:
    """What users noted on the old file stands on the new one."""
    set_attribute(old, "user.source", b"the till")
    replace(old)
    assert os.getxattr(old, "user.source") == b"the till"


def test_the_access_list_is_kept(old: Path) -> None:
    """Who may read the old file by name may read the new one."""
    set_attribute(old, "system.posix_acl_access", access_list(1234, 4))
    replace(old)
    assert os.getxattr(old, "system.posix_acl_access") == access_list(1234, 4)


def test_the_folder_lets_nobody_in_who_was_out(old: Path) -> None:
    """A folder's default access list doesn't open a file that it wasn't on."""
    old.chmod(0o660)
    set_attribute(old.parent, "system.posix_acl_default", access_list(1234, 6))
    replace(old)
    assert "system.posix_acl_access" not in os.listxattr(old)
    assert bits(old) == 0o660
