"""Every name inside a table: built, parsed and refused here, and nowhere else.

- `_atio/log/999999/062-1.json`: version 1; buckets and places count down, so the first name is the latest version
- `_atio/manifests/<uuid7>.arrow`, `_atio/keys/<uuid7>.arrow`, `_atio/tags/<uuid7>.json`, `_atio/schemas/<uuid7>.arrow`
- `_atio/staged/<uuid7>.pending`, `_atio/staged/<uuid7>.json`: a kept stage; `_atio/staged/<uuid7>.change`: what a
  descriptor is too small for
- `_atio/tmp/<uuid7>.tmp`
- `_atio/releases/999999/062-1.json`, in the root of a store of tables: its log, named as a table's
- `_atio/runs/<reader>/<table id>.json`, likewise: the version of a table that a reader of many processes reads
- `data/<field>=<value>/…/<uuid7>.parquet`
- `_delta_log/00000000000000000000.json`: the first version of a mirror for Delta's readers, with as many digits
- `_iceberg/metadata/v1.metadata.json`, `1-<uuid7>.avro`: a mirror for Iceberg's readers, in its first state
- `data/<uuid7>.npy`, `.json`, `.txt`, `.bin`, `.pkl`: a file of an object
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from atio_core.model.data_file import Scalar
from atio_core.model.partition import folded_segment, segment, value_segment

META = "_atio"
LOG = "_atio/log/"
MANIFESTS = "_atio/manifests/"
KEYS = "_atio/keys/"
TAGS = "_atio/tags/"
SCHEMAS = "_atio/schemas/"
STAGED = "_atio/staged/"
RELEASES = "_atio/releases/"
PINS = "_atio/runs/"
TEMPORARY = "_atio/tmp"
DATA = "data/"
DELTA_LOG = "_delta_log/"
ICEBERG = "_iceberg/metadata/"
CLEANED = (DATA, MANIFESTS, KEYS, TAGS, SCHEMAS, STAGED, f"{TEMPORARY}/")
"""The folders in which cleaning looks for files that no version names."""

_FIRST_BUCKET = 999_999
_BUCKET = re.compile(r"[0-9]{6}")
_PLACE = re.compile(r"([0-9]{3})-([1-9][0-9]{0,14})\.json")
_UUID7 = r"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
_OURS = re.compile(rf"{_UUID7}\.(parquet|npy|json|txt|bin|pkl|arrow|change|tmp)")
_OBJECT = re.compile(rf"data/{_UUID7}\.(npy|json|txt|bin|pkl)")
_OUTSIDE = frozenset({"", ".", ".."})
_DELTA_VERSION = re.compile(rf"{DELTA_LOG}([0-9]{{20}})\.json")
_DELTA_CHECKPOINT = re.compile(rf"{DELTA_LOG}([0-9]{{20}})\.checkpoint\.parquet")
_ICEBERG_STATE = re.compile(rf"{ICEBERG}v([1-9][0-9]{{0,14}})\.metadata\.json")
_ICEBERG_LIST = re.compile(rf"{ICEBERG}([1-9][0-9]{{0,14}})-{_UUID7}\.avro")
_RECORD = re.compile(rf"{STAGED}{_UUID7}\.(json|pending)")


@dataclass(frozen=True, slots=True)
class Numbered:
    """Names of numbered objects that count down, `per_bucket` in a folder: the first in sorted order is the highest.

    Example:
        >>> Numbered(LOG).name(1), Numbered(LOG).name(64)
        ('_atio/log/999999/062-1.json', '_atio/log/999998/063-64.json')
    """

    folder: str
    per_bucket: int = 64

    @property
    def highest(self) -> int:
        """The last number that has a name."""
        return self.per_bucket * (_FIRST_BUCKET + 1) - 1

    def bucket(self, number: int) -> int:
        """Return how many buckets were begun before this number's: a newer bucket has a higher one."""
        return number // self.per_bucket

    def name(self, number: int) -> str:
        """Return the name of a number."""
        if not 0 < number <= self.highest:
            raise ValueError(f"{number} has no name: numbers go from 1 to {self.highest}")
        place = self.per_bucket - 1 - number % self.per_bucket
        return f"{self.folder}{_FIRST_BUCKET - self.bucket(number):06d}/{place:03d}-{number}.json"

    def parse_folder(self, name: str) -> int | None:
        """Return the bucket whose folder has this name, or None if it is no such name."""
        bucket, slash, rest = name.removeprefix(self.folder).partition("/")
        return _FIRST_BUCKET - int(bucket) if slash and not rest and _BUCKET.fullmatch(bucket) else None

    def parse(self, name: str) -> int | None:
        """Return the number that has this name, or None if it is no such name."""
        bucket, _, place = name.removeprefix(self.folder).partition("/")
        match = _PLACE.fullmatch(place)
        if match is None or not _BUCKET.fullmatch(bucket):
            return None
        number = int(match[2])
        return number if number <= self.highest and self.name(number) == name else None


def data_path(fields: Sequence[str], values: Sequence[Scalar], file_id: uuid.UUID) -> str:
    """Return the name of a new data file in the folder of its partition."""
    folders = [value_segment(field, value) for field, value in zip(fields, values, strict=True)]
    return DATA + "/".join([*folders, f"{file_id}.parquet"])


def is_data_path(path: str) -> bool:
    """Say whether a path is a data file's: in its folder, with a name that atio gives."""
    return (
        is_inside(path)
        and path.startswith(DATA)
        and path.endswith(".parquet")
        and file_id_of(path) is not None
    )


def object_path(suffix: str, file_id: uuid.UUID) -> str:
    """Return the name of a new file of an object."""
    return f"{DATA}{file_id}.{suffix}"


def is_object_path(path: str) -> bool:
    """Say whether a path is that of a file of an object."""
    return _OBJECT.fullmatch(path) is not None


def path_beside(path: str, file_id: uuid.UUID) -> str:
    """Return the name of a new data file in the folder of another."""
    return f"{path.rpartition('/')[0]}/{file_id}.parquet"


def manifest_path(file_id: uuid.UUID) -> str:
    """Return the name of a new manifest."""
    return f"{MANIFESTS}{file_id}.arrow"


def key_list_path(file_id: uuid.UUID) -> str:
    """Return the name of a new list of keys."""
    return f"{KEYS}{file_id}.arrow"


def tag_list_path(file_id: uuid.UUID) -> str:
    """Return the name of a new list of tags."""
    return f"{TAGS}{file_id}.json"


def schema_path(file_id: uuid.UUID) -> str:
    """Return the name of a new schema."""
    return f"{SCHEMAS}{file_id}.arrow"


def change_path(stage_id: uuid.UUID) -> str:
    """Return the name of the file of a staged change that is too large for its descriptor."""
    return f"{STAGED}{stage_id}.change"


def pending_path(stage_id: uuid.UUID) -> str:
    """Return the name of the record that protects the files of a stage before it is known."""
    return f"{STAGED}{stage_id}.pending"


def kept_path(stage_id: uuid.UUID) -> str:
    """Return the name of the record that makes a kept stage known."""
    return f"{STAGED}{stage_id}.json"


def pins_folder(reader: str) -> str:
    """Return the folder of a reader's pins: no other's, on file systems that fold case either.

    Example:
        >>> pins_folder("run 7")
        '_atio/runs/run%207/'
    """
    return f"{PINS}{folded_segment(reader)}/"


def pin_path(reader: str, table_id: str) -> str:
    """Return the name of the pin of a table by a reader."""
    return f"{pins_folder(reader)}{segment(table_id)}.json"


def delta_version_path(version: int) -> str:
    """Return the name of a version in a mirror for Delta's readers, which prescribe it."""
    return f"{DELTA_LOG}{version:020d}.json"


def delta_version_of(path: str) -> int | None:
    """Return the version in such a mirror that has this name, or None if it is no such name."""
    match = _DELTA_VERSION.fullmatch(path)
    return int(match[1]) if match else None


def delta_checkpoint_path(version: int) -> str:
    """Return the name of the checkpoint of a version in such a mirror."""
    return f"{DELTA_LOG}{version:020d}.checkpoint.parquet"


def delta_checkpoint_of(path: str) -> int | None:
    """Return the version whose checkpoint has this name, or None if it is no such name."""
    match = _DELTA_CHECKPOINT.fullmatch(path)
    return int(match[1]) if match else None


def iceberg_state_path(number: int) -> str:
    """Return the name of a state of a mirror for Iceberg's readers."""
    return f"{ICEBERG}v{number}.metadata.json"


def iceberg_state_of(path: str) -> int | None:
    """Return the number of the state that has this name, or None if it is no such name."""
    match = _ICEBERG_STATE.fullmatch(path)
    return int(match[1]) if match else None


def iceberg_list_path(number: int, file_id: uuid.UUID) -> str:
    """Return the name of a list of files that is written for a state of such a mirror."""
    return f"{ICEBERG}{number}-{file_id}.avro"


def iceberg_list_of(path: str) -> int | None:
    """Return the number of the state for which such a list was written, or None if it is no such name."""
    match = _ICEBERG_LIST.fullmatch(path)
    return int(match[1]) if match else None


def stage_id_of(path: str) -> uuid.UUID | None:
    """Return the id of the stage whose record has this name, or None if it is no such name."""
    match = _RECORD.fullmatch(path)
    return uuid.UUID(match[1]) if match else None


def file_key_of(path: str) -> str | None:
    """Return the UUID in a file's name, as text, or None if atio gives no such name.

    Files are known by it, never by their path: some file systems fold case or Unicode.
    """
    match = _OURS.fullmatch(path, path.rfind("/") + 1)
    return match[1] if match else None


def file_id_of(path: str) -> uuid.UUID | None:
    """Return the UUID in a file's name, or None if atio gives no such name."""
    key = file_key_of(path)
    return uuid.UUID(key) if key else None


def is_inside(path: str) -> bool:
    """Say whether a path read from an entry stays inside the table."""
    parts = path.split("/")
    plain = _OUTSIDE.isdisjoint(parts)
    return plain and "\\" not in path and "\0" not in path and parts[0] in ("data", META)


def nested_table_of(path: str) -> str | None:
    """Return the folder that a file is in if that holds an `_atio` of its own: it is another table's, and not ours.

    Example:
        >>> nested_table_of("data/a/_atio/log/999999/062-1.json"), nested_table_of("data/a/b.parquet")
        ('data/a/', None)
    """
    at = path.find(f"/{META}/")
    return path[: at + 1] if at >= 0 else None
