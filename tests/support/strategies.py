"""Hypothesis strategies for what a log holds: entries, records, references, names."""

from __future__ import annotations

import dataclasses
import uuid

from hypothesis import strategies as st

from atio_core.format.staged_json import OPERATIONS, StagedChange
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.entry import (
    DataVersion,
    KeyListRef,
    LogEntry,
    PartitionField,
    Recent,
    ReleaseRef,
    SchemaRef,
    Tag,
    TagListRef,
    Tags,
    Totals,
)
from atio_core.model.manifest import ManifestRef
from atio_core.model.ranges import VersionRanges
from atio_core.model.staged import NO_SCHEMA, Replaced, StagedFiles, StoredChange

# All of Unicode but lone surrogates, which no table takes; much of what JSON, shells and people stumble over.
texts = st.text(max_size=8) | st.sampled_from(
    ['"', "\\", "\n", "\0", "\u2028", "é", "e\u0301", "😀", ',"digest":"', "}"]
)
counts = st.integers(0, 2**63 - 1)
times = st.integers(-(2**50), 2**60)
small = st.integers(0, 1000)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
parts = st.text("abcé =%-_.", min_size=1, max_size=5).filter(lambda part: part not in (".", ".."))
paths = st.builds(
    "{}/{}".format, st.sampled_from(["data", "_atio"]), st.lists(parts, min_size=1, max_size=3).map("/".join)
)
digests = st.integers(0, 2**128 - 1).map("xxh3-128:{:032x}".format)
totals = st.builds(Totals, counts, counts, counts)
sixteens = st.binary(min_size=16, max_size=16)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)

data_files = st.builds(
    DataFile,
    path=paths,
    format=texts,
    size=counts,
    rows=counts,
    digest=digests,
    footer_size=counts,
    footer_digest=digests,
    schema=small,
    partition=st.lists(scalars, max_size=3).map(tuple),
    stats=st.dictionaries(small, st.builds(ColumnStats, st.none() | counts, scalars, scalars), max_size=3),
    commit_id=texts,
    time_us=times,
    late=st.booleans(),
    piece=st.dictionaries(texts, json_values, max_size=3),
)

manifest_refs = st.builds(
    ManifestRef,
    path=paths,
    digest=digests,
    size=counts,
    files=counts,
    rows=counts,
    bytes=counts,
    level=small,
    partitions=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
) | st.builds(
    ManifestRef,
    path=paths,
    digest=digests,
    size=counts,
    files=counts,
    rows=counts,
    bytes=counts,
    level=small,
    schema=st.integers(1, 9),
    stats=st.dictionaries(small, st.builds(ColumnStats, st.none() | counts, scalars, scalars), max_size=3),
)

key_list_refs = st.builds(KeyListRef, paths, digests, counts, counts, counts, counts, times, times)

schema_refs = st.builds(SchemaRef, digests, inline=st.binary(max_size=20)) | st.builds(
    SchemaRef, digests, path=paths
)

version_ranges = st.builds(VersionRanges.of, st.frozensets(st.integers(1, 60), max_size=12))


def _recent(triples: list[tuple[bytes, bytes, int]]) -> Recent:
    commits, keys, when = zip(*triples, strict=True) if triples else ((), (), ())
    return Recent(tuple(commits), tuple(keys), tuple(when))


recents = st.lists(st.tuples(sixteens, sixteens | st.just(bytes(16)), times), max_size=5).map(_recent)

data_versions = st.builds(
    DataVersion,
    counts,
    times,
    texts,
    st.none() | texts,
    st.dictionaries(texts, texts, max_size=3),
    totals,
    totals,
    st.none() | texts,
)

tag_dicts = st.dictionaries(
    texts,
    st.builds(Tag, counts, st.none() | times, st.none() | st.builds(ReleaseRef, small, texts, counts, texts)),
    max_size=3,
)

entries = st.builds(
    LogEntry,
    table_id=texts,
    version=st.integers(1, 2**40),
    commit_id=texts,
    parent_commit_id=st.none() | texts,
    clock_us=times,
    time_us=times,
    operation=texts,
    data=data_versions,
    kind=texts,
    schema=small,
    schemas=st.dictionaries(small, schema_refs, max_size=3),
    last_schema=small,
    last_column=small,
    partition_fields=st.lists(st.builds(PartitionField, texts, st.none() | small), max_size=3).map(tuple),
    sort_by=st.lists(small, max_size=3).map(tuple),
    manifests=st.lists(manifest_refs, max_size=3).map(tuple),
    files=st.lists(data_files, max_size=3).map(tuple),
    totals=totals,
    content=st.none() | digests,
    tags=st.builds(
        Tags,
        tag_dicts,
        st.lists(texts, max_size=2).map(tuple),
        st.none() | st.builds(TagListRef, paths, digests, counts, counts),
    ),
    retained=version_ranges,
    horizon_us=times,
    grace_us=times,
    retention=st.dictionaries(texts, counts, max_size=3),
    key_retention_us=times,
    recent=recents,
    key_lists=st.lists(key_list_refs, max_size=3).map(tuple),
    reader_features=st.lists(texts, max_size=2).map(tuple),
    writer_features=st.lists(texts, max_size=2).map(tuple),
)


def _uuid7(number: int) -> uuid.UUID:
    return uuid.UUID(int=number & ~(0xF << 76 | 0b11 << 62) | 7 << 76 | 0b10 << 62)


uuids = st.integers(0, 2**128 - 1).map(_uuid7)


@st.composite
def _replaced(draw: st.DrawFn, most: int) -> Replaced:
    paths = draw(st.lists(uuids.map("data/{}.parquet".format), max_size=3, unique=True))
    found: list[tuple[str, int]] = []
    for path in paths:
        found.append((path, draw(st.integers(0, most))))
        most -= found[-1][1]
    return Replaced(
        tuple(found), tuple(draw(st.lists(uuids.map("_atio/manifests/{}.arrow".format), max_size=2)))
    )


def _staged_object(kind: str) -> st.SearchStrategy[StagedFiles]:
    files = st.builds(
        DataFile,
        path=uuids.map("data/{}.bin".format),
        format=texts,
        size=counts,
        rows=counts,
        digest=digests,
        footer_size=counts,
        footer_digest=digests,
        schema=small,
        piece=st.dictionaries(texts, json_values, max_size=3),
    )
    return st.builds(
        StagedFiles,
        files=st.lists(files, max_size=3).map(tuple),
        schema=st.just(NO_SCHEMA),
        content=digests,
        kind=st.just(kind),
    )


def _staged_files(width: int) -> st.SearchStrategy[StagedFiles]:
    partitions = st.lists(scalars, min_size=width, max_size=width).map(tuple)
    folders = st.lists(parts, max_size=2).map(lambda names: "".join(f"{name}/" for name in names))
    files = st.builds(
        DataFile,
        path=st.builds("data/{}{}.parquet".format, folders, uuids),
        format=texts,
        size=counts,
        rows=counts,
        digest=digests,
        footer_size=counts,
        footer_digest=digests,
        schema=small,
        partition=partitions,
        stats=st.dictionaries(
            small, st.builds(ColumnStats, st.none() | counts, scalars, scalars), max_size=3
        ),
        commit_id=texts,
        time_us=counts,
        piece=st.dictionaries(texts, json_values, max_size=3),
    )
    return st.builds(
        StagedFiles,
        files=st.lists(files, max_size=3).map(tuple),
        schema=st.builds(SchemaRef, digests, inline=st.none() | st.binary(max_size=20)),
        content=digests,
        fields=st.lists(
            st.builds(PartitionField, texts, st.none() | small), min_size=width, max_size=width
        ).map(tuple),
        sort_by=st.lists(small, max_size=2).map(tuple),
        partitions=st.lists(partitions, max_size=3 if width else 0).map(tuple),
        grown_from=digests,
        new_columns=st.lists(small, max_size=2).map(tuple),
        keeps_columns=st.booleans(),
        begins=st.booleans(),
    ).flatmap(
        lambda made: (st.none() | _replaced(len(made.files))).map(
            lambda replaced: dataclasses.replace(made, replaced=replaced)
        )
    )


staged_changes = st.builds(
    StagedChange,
    id=uuids,
    table_id=st.none() | texts,
    entry=counts,
    base_version=counts,
    operation=st.sampled_from(OPERATIONS),
    totals=totals,
    change=st.integers(0, 2).flatmap(_staged_files)
    | st.sampled_from(["folder", "text"]).flatmap(_staged_object)
    | st.builds(StoredChange, digests, counts),
)
