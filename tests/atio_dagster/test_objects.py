"""Outputs that are no frames: kept as objects, each materialisation a version, and loaded as what they were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from atio_dagster import AtioIOManager, AtioResource
from tests.support.dagster_runs import Materialize, Refusal

OBJECTS: dict[str, tuple[Any, Any]] = {
    "array": (np.arange(6).reshape(2, 3), np.ndarray),
    "dict": ({"a": [1, None, "x"], "b": {"c": 0.5}}, dict),
    "list": ([1, 2, 3], list),
    "number": (3, int),
    "float": (0.5, float),
    "flag": (True, bool),
    "text": ("söme\ntext", str),
    "bytes": (b"\x00\xff", bytes),
}


@dataclass
class Custom:
    """What no format keeps."""

    value: int


@pytest.mark.parametrize("annotated", [True, False])
@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_comes_back(
    name: str,
    annotated: bool,  # noqa: FBT001
    materialize: Materialize,
    store: AtioResource,
) -> None:
    """Whatever it is, with an annotation or without; and each materialisation is a version."""
    obj, kind = OBJECTS[name]
    seen: list[Any] = []

    @dg.asset
    def up() -> Any:
        return obj

    def take(up: Any) -> None:
        seen.append(up)

    if annotated:
        take.__annotations__["up"] = kind
    materialize(up, dg.asset(name="down")(take))
    assert type(seen[0]) is kind
    assert np.array_equal(seen[0], obj) if name == "array" else seen[0] == obj
    materialize(up, only=[up])
    assert [found.version for found in store.table("up").history()] == [2, 1]


def test_ops_pass_objects(store: AtioResource) -> None:
    """As the manager of a job: results of ops, of dynamic ones too."""
    seen: list[Any] = []

    @dg.op(out=dg.DynamicOut(int))
    def numbers() -> Any:
        for number in range(3):
            yield dg.DynamicOutput(number, mapping_key=str(number))

    @dg.op
    def double(number: int) -> dict[str, int]:
        return {"doubled": 2 * number}

    @dg.op
    def collect(found: list[dict[str, int]]) -> None:
        seen.extend(one["doubled"] for one in found)

    @dg.job(resource_defs={"io_manager": AtioIOManager(base_path=store.base_path)})
    def flow() -> None:
        collect(numbers().map(double).collect())

    assert flow.execute_in_process().success
    assert sorted(seen) == [0, 2, 4]


def test_a_folder_is_a_path(materialize: Materialize, tmp_path: Path) -> None:
    """A path is kept as what it leads to, and comes as a path to a copy, whose files may be changed."""
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "sub" / "weights").write_bytes(b"123")
    seen: list[Path] = []

    @dg.asset
    def up() -> Path:
        return model

    @dg.asset
    def one_file() -> Path:
        return model / "sub" / "weights"

    @dg.asset
    def down(up: Path, one_file: Path) -> bytes:
        seen.extend([up, one_file])
        return one_file.read_bytes()

    materialize(up, one_file, down)
    assert [path.relative_to(seen[0]).as_posix() for path in seen[0].rglob("*")] == ["sub", "sub/weights"]
    assert (seen[0] / "sub" / "weights").read_bytes() == seen[1].read_bytes() == b"123"
    assert model not in seen[0].parents


def test_a_file_comes_as_bytes_where_these_are_wanted(materialize: Materialize, tmp_path: Path) -> None:
    """The annotation decides."""
    (tmp_path / "file").write_bytes(b"123")
    seen: list[bytes] = []

    @dg.asset
    def up() -> Path:
        return tmp_path / "file"

    @dg.asset
    def down(up: bytes) -> None:
        seen.append(up)

    materialize(up, down)
    assert seen == [b"123"]


@pytest.mark.parametrize("way", ["metadata", "manager"])
def test_pickles_only_where_they_are_allowed(
    way: str, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """By the asset's metadata, or for all of a manager."""
    seen: list[Any] = []

    @dg.asset(metadata={"atio/format": "pickle"} if way == "metadata" else {})
    def up() -> Custom:
        return Custom(7)

    @dg.asset
    def down(up: Custom) -> None:
        seen.append(up)

    manager = AtioIOManager(base_path=store.base_path, pickles=way == "manager")
    dg.materialize([up, down], resources={"io_manager": manager}, instance=instance)
    assert seen == [Custom(7)]
    assert store.table("up").snapshot().kind == "pickle"


def test_frames_are_no_pickles(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """A frame that can't be kept isn't pickled behind one's back, even where pickles are allowed."""

    @dg.asset
    def up() -> pd.DataFrame:
        return pd.DataFrame({"a": [Custom(1)]})

    manager = AtioIOManager(base_path=store.base_path, pickles=True)
    result = dg.materialize([up], resources={"io_manager": manager}, instance=instance, raise_on_error=False)
    assert not result.success
    assert not store.table("up").exists()


def test_what_nothing_keeps_is_refused(refusal: Refusal, store: AtioResource) -> None:
    """The error says how it could be kept."""

    @dg.asset
    def up() -> Custom:
        return Custom(7)

    error = refusal(up)
    assert "AtioIOManager(pickles=True)" in "".join([error.message, *error.stack])
    assert not store.table("up").exists()


def test_a_wrong_annotation_is_refused(refusal: Refusal) -> None:
    """An object isn't loaded as a frame, nor a frame as something else; the error names the input and the kind."""

    @dg.asset
    def array() -> Any:
        return np.zeros((2, 2, 2))

    @dg.asset
    def frame() -> Any:
        return pd.DataFrame({"a": [1]})

    @dg.asset
    def reads_array(array: pd.DataFrame) -> None: ...

    @dg.asset
    def reads_frame(frame: bytes) -> None: ...

    @dg.asset(ins={"array": dg.AssetIn(metadata={"atio/columns": ["a"]})})
    def reads_columns(array: Any) -> None: ...

    assert "kind 'array'" in refusal(array, reads_array).message
    assert "is a frame" in refusal(frame, reads_frame).message
    assert "asks for columns or rows" in refusal(array, reads_columns).message


def test_what_is_told_of_an_object(materialize: Materialize) -> None:
    """Its kind, size and version; no rows and columns, which it doesn't have."""

    @dg.asset
    def up() -> Any:
        return {"a": 1}

    (event,) = materialize(up).asset_materializations_for_node("up")
    assert event.metadata["atio/kind"].value == "json"
    assert event.metadata["atio/version"].value == 1
    assert "dagster/row_count" not in event.metadata
    assert "dagster/column_schema" not in event.metadata


def test_an_asset_may_change_its_kind(materialize: Materialize) -> None:
    """A frame today, an array tomorrow: each version is what it is."""
    outputs: list[Any] = [pd.DataFrame({"a": [1]}), np.arange(3), "text"]
    seen: list[Any] = []

    @dg.asset
    def up() -> Any:
        return outputs[len(seen)]

    @dg.asset
    def down(up: Any) -> None:
        seen.append(up)

    for _ in outputs:
        materialize(up, down)
    assert [type(one).__name__ for one in seen] == ["DataFrame", "ndarray", "str"]


def test_partitions_hold_rows(refusal: Refusal) -> None:
    """An object has no partitions: of a partitioned asset it is refused."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["x", "y"]))
    def up() -> Any:
        return np.arange(3)

    assert refusal(up, partition="x").cls_name in {"InvalidInputError", "UnsupportedFormatError"}
