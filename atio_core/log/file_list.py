"""The data files of a version: an inline list and manifests; read, compare, add, replace, remove, spill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from atio_core.errors import DamagedError, NotFoundError, VersionExpiredError
from atio_core.format.digest import digest
from atio_core.format.manifest_arrow import decode_difference, decode_manifest, decode_paths, encode_manifest
from atio_core.format.names import manifest_path
from atio_core.format.records import file_to_json
from atio_core.log.limits import Limits
from atio_core.log.scratch import Readable, Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, Totals
from atio_core.model.manifest import ManifestRef, Span, merge_from, span_of

_MANY_FILES = 1_000  # of fewer an entry gives no bounds of columns: to open their manifest takes little


def read_manifest(
    store: Readable, ref: ManifestRef, wanted: Callable[[Span], bool] = lambda _: True
) -> tuple[DataFile, ...]:
    """Return the files that a manifest lists.

    Args:
        store: The table's store.
        ref: Which manifest.
        wanted: Says which of its files are to be looked at, of many at once.

    Raises:
        NotFoundError: It isn't there: damage, or the version has expired.
        DamagedError: Its bytes are not what was written.
    """
    return decode_manifest(_checked(store, ref), wanted)


def read_paths(store: Readable, ref: ManifestRef) -> list[tuple[str, int, bool]]:
    """Return path, size and `late` of the files that a manifest lists; fails as `read_manifest` does."""
    return decode_paths(_checked(store, ref))


def _checked(store: Readable, ref: ManifestRef) -> bytes:
    data = store.read(ref.path)
    found = digest(data)
    if found != ref.digest:
        message = (
            f"the manifest {ref.path} of the table {store.location} is damaged; bring it back from a backup"
        )
        raise DamagedError(message, table=store.location, path=ref.path, expected=ref.digest, found=found)
    return data


def files_of(
    store: Readable,
    entry: LogEntry,
    wanted: Callable[[ManifestRef], bool] = lambda _: True,
    within: Callable[[Span], bool] = lambda _: True,
) -> tuple[DataFile, ...]:
    """Return the data files of a version, in the order of their rows.

    Args:
        store: The table's store.
        entry: The version.
        wanted: Says which manifests are to be opened.
        within: Says which files of those are to be looked at, of many at once.
    """
    listed = [file for ref in entry.manifests if wanted(ref) for file in read_manifest(store, ref, within)]
    return (*listed, *entry.files)


def difference(
    old: LogEntry, new: LogEntry, old_store: Readable, new_store: Readable
) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
    """Return the files of the old version that the new one lacks, and those that only the new one has.

    Manifests that both name aren't opened, nor are records that both have.

    Args:
        old: A version.
        new: Another one of the same table.
        old_store: Where the manifests of the old one can be read.
        new_store: Where those of the new one can.

    Raises:
        NotFoundError: A manifest isn't there; one of an old version may have expired.
    """
    both = {ref.path for ref in old.manifests} & {ref.path for ref in new.manifests}
    listed = decode_difference(
        *(
            [_checked(store, ref) for ref in entry.manifests if ref.path not in both]
            for store, entry in ((old_store, old), (new_store, new))
        )
    )
    before, after = (
        {file.path: file for file in (*files, *entry.files)}
        for files, entry in zip(listed, (old, new), strict=True)
    )
    gone = tuple(file for path, file in before.items() if path not in after)
    return gone, tuple(file for path, file in after.items() if path not in before)


def with_added(base: LogEntry, files: Sequence[DataFile], scratch: Scratch, limits: Limits) -> LogEntry:
    """Return the entry with these files behind its own."""
    added = base.with_(totals=base.totals + Totals.of(list(files)))
    return _with_inline(added, (*base.files, *files), scratch, limits)


def with_replaced(
    base: LogEntry,
    replaced: Mapping[str, Sequence[DataFile]],
    may_list: Callable[[ManifestRef], bool],
    scratch: Scratch,
    limits: Limits,
) -> LogEntry:
    """Return the entry with other files in the places of some, so that the rows keep their order.

    Args:
        base: The entry.
        replaced: For the path of each file that goes, those that stand in its place; none if its rows just go.
        may_list: Whether a manifest may list one of them. Manifests that don't stay as they are.
        scratch: What the attempt writes.
        limits: Bounds of an entry.
    """
    edited, inline = _edited(
        base, lambda file: replaced.get(file.path, (file,)), may_list, scratch, limits.manifest_files
    )
    return _with_inline(edited, inline, scratch, limits)


def without(
    base: LogEntry,
    goes: Callable[[DataFile], bool],
    may_hold: Callable[[ManifestRef], bool],
    scratch: Scratch,
) -> LogEntry:
    """Return the entry without the files that go. Manifests that list none of them stay as they are."""
    edited, inline = _edited(base, lambda file: () if goes(file) else (file,), may_hold, scratch)
    return edited.with_(files=inline)


def _edited(
    base: LogEntry,
    edit: Callable[[DataFile], Sequence[DataFile]],
    may_list: Callable[[ManifestRef], bool],
    scratch: Scratch,
    most: int | None = None,
) -> tuple[LogEntry, tuple[DataFile, ...]]:
    """Return the entry with each file as `edit` has it, in manifests of at most so many; and its inline files."""
    refs: list[ManifestRef] = []
    totals = base.totals
    for ref in base.manifests:
        listed = read_manifest(scratch, ref) if may_list(ref) else ()
        found = tuple(new for file in listed for new in edit(file))
        if found == listed:
            refs.append(ref)
            continue
        totals = totals - Totals.of(listed) + Totals.of(found)
        scratch.forget(ref.path)
        refs += _written(found, ref.level, scratch, most or len(found))
    inline = tuple(new for file in base.files for new in edit(file))
    totals = totals - Totals.of(base.files) + Totals.of(inline)
    return base.with_(manifests=tuple(refs), totals=totals), inline


def _with_inline(base: LogEntry, inline: tuple[DataFile, ...], scratch: Scratch, limits: Limits) -> LogEntry:
    """Return the entry with these inline files, which become manifests if they are too many."""
    if len(inline) <= limits.inline_files and _length(inline) <= limits.inline_bytes:
        return base.with_(files=inline)
    refs = [*base.manifests, *_written(inline, 0, scratch, limits.manifest_files)]
    return base.with_(files=(), manifests=_merged(refs, scratch, limits))


def _written(files: Sequence[DataFile], level: int, scratch: Scratch, most: int) -> list[ManifestRef]:
    """Return manifests of at most so many files each."""
    starts = range(0, len(files), most) if files else ()
    return [_write(files[start : start + most], level, scratch) for start in starts]


def missing_file(table: str, version: int, error: NotFoundError, *, retained: bool) -> Exception:
    """Return the error for a file of a version that isn't there: damage while the version is retained, else expiry."""
    path = getattr(error, "path", "a file")
    if retained:
        message = f"{path}, a file of version {version} of the table {table}, is missing; bring it back from a backup"
        return DamagedError(
            message, table=table, version=version, path=path, expected="the file", found="nothing"
        )
    message = (
        f"version {version} of the table {table} expired while it was read; read a retained version, and keep versions"
        " for longer than reads take (keep_for)"
    )
    return VersionExpiredError(message, table=table, version=version)


def _merged(refs: list[ManifestRef], scratch: Scratch, limits: Limits) -> tuple[ManifestRef, ...]:
    while (found := _merge_from(refs, limits)) is not None:
        start, level = found
        files = [file for ref in refs[start:] for file in read_manifest(scratch, ref)]
        for ref in refs[start:]:
            scratch.forget(ref.path)
        refs = [*refs[:start], _write(files, level, scratch)]
    return tuple(refs)


def _merge_from(refs: Sequence[ManifestRef], limits: Limits) -> tuple[int, int] | None:
    return merge_from(
        refs,
        fanout=limits.fanout,
        target_files=limits.manifest_files,
        gathered_files=limits.gathered_files,
    )


def _write(files: Sequence[DataFile], level: int, scratch: Scratch) -> ManifestRef:
    data = encode_manifest(files)
    path = manifest_path(scratch.new_id())
    scratch.put(path, data)
    totals, span = Totals.of(list(files)), span_of(files)
    return ManifestRef(
        path,
        digest(data),
        len(data),
        totals.files,
        totals.rows,
        totals.bytes,
        level,
        span.partitions,
        span.schema if len(files) >= _MANY_FILES else 0,
        span.stats if len(files) >= _MANY_FILES else {},
    )


def _length(files: Iterable[DataFile]) -> int:
    return sum(len(json.dumps(file_to_json(file))) for file in files)
