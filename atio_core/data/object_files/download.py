"""Puts an object's files on the disk, outside the table: whole and checked, or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from atio_core.data.object_files.members import Member
from atio_core.data.object_files.read import StoredFile
from atio_core.storage.base import ObjectStore
from atio_core.storage.files import attributes
from atio_core.storage.files.new_folder import NewFolder, find_folder, new_folder
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement
from atio_core.storage.files.source_files import require_apart

_WORKERS = 8  # they mostly wait for the disk


def download_file(stored: StoredFile, target: Any, *, if_exists: str, executable: bool) -> Path:
    """Put one file on the disk, durably.

    Args:
        stored: The file.
        target: The path of the file to make.
        if_exists: "fail", or "replace".
        executable: Whether those who may read it may run it.

    Returns:
        Its absolute path.

    Raises:
        AlreadyExistsError: There is a file.
        DamagedError: The stored bytes are not what was written; nothing was changed.
        NotFoundError: The stored file isn't there.
        InvalidInputError: The target can't be a file, or lies in the table.
        StorageError: The disk refused.
    """
    publication = plan_publication(target, if_exists=if_exists)
    publication.is_skipped()  # or raise, before anything is read
    require_apart(os.path.realpath(publication.target.file), stored.store.location)
    with replacement(publication) as new:
        stored.copy(new.write)
        if executable:
            attributes.make_executable(new.file.fileno())
        new.sync()
        new.publish()
    return Path(publication.target.path)


def download_folder(
    store: ObjectStore, members: Sequence[Member], target: Any, *, version: int, if_exists: str
) -> Path:
    """Put a folder on the disk, durably.

    Args:
        store: Where its files lie.
        members: What is in it.
        target: The path of the folder to make; an empty one may be there.
        version: The version's number, for messages.
        if_exists: "fail", or "replace", which removes what was in it.

    Returns:
        Its absolute path.

    Raises:
        As `download_file`.
    """
    path = find_folder(target)
    require_apart(path, store.location)
    with new_folder(path, replacing=if_exists == "replace") as new:
        _fill(new, store, members, version)
    return Path(path)


def _fill(new: NewFolder, store: ObjectStore, members: Sequence[Member], version: int) -> None:
    def add(member: Member) -> None:
        stored = StoredFile(store, member.record, version)
        new.add_file(member.name, stored.copy, executable=member.executable)

    for member in members:
        if member.is_folder:
            new.add_folder(member.name)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="atio-download") as pool:
        try:
            futures = [pool.submit(add, member) for member in members if not member.is_folder]
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
