"""The type that holds what two columns hold, value by value the same; None if no such type is known.

| types | together |
|---|---|
| integers | the larger; one with a sign and one without: the least with a sign that holds both |
| floats; decimals | the larger; as many digits on both sides of the point as either has |
| times of day, datetimes, durations | the finer unit of both: who widens a table sees to it that its values fit |
| only nulls, and any type that has nulls | the latter |
| with nulls and without | with; of Arrow as the table's is |
| categories of pandas, an Enum of polars, an ordered dictionary of Arrow | the table's, then those that are new |
| lists, arrays, structs | the same of what is inside |

Whole numbers never become floats or decimals, texts never times: that would be another kind of value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa

from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import Json, canonical_json

_UNITS = ("s", "ms", "us", "ns")
_MOST_DIGITS = {32: 9, 64: 18, 128: 38, 256: 76}


@dataclass(frozen=True, slots=True)
class Typed:
    """What a column is: its type in its library, what it is stored as, and whether it may have nulls."""

    type: Json
    stored: pa.DataType
    nullable: bool = True


def common_type(library: str, ours: Typed, theirs: Typed) -> Typed | None:
    """Return the type that holds the values of a table's column and of a piece's, both of one library.

    Args:
        library: "pandas", "polars" or "arrow".
        ours: The table's.
        theirs: The piece's.

    Example:
        >>> narrow, wide = (Typed({"arrow": str(t)}, t) for t in (pa.int8(), pa.int64()))
        >>> common_type("arrow", narrow, wide) == wide
        True
    """
    nullable = ours.nullable or theirs.nullable
    if library == "arrow":
        nullable, found = takes_nulls(library, ours.type), _arrow(ours.type, theirs.type)
    elif library == "polars":
        found = _polars(ours.type, theirs.type)
    else:
        found = _pandas(ours.type, theirs.type)
    if found is None:
        return None
    if library == "arrow":
        found = apart_from_nulls(found) | ({} if nullable else {"nullable": False})
    known = next((one.stored for one in (ours, theirs) if found == one.type), None)
    return Typed(found, stored_as(library, found) if known is None else known, nullable)


def stored_as(library: str, described: Json) -> pa.DataType:
    """Return what a type of a library is stored as, but for pandas' objects, which tell it by their values."""
    if library == "arrow":
        return arrow_types.stored_type(arrow_types.build(described["arrow"]))
    if library == "polars":
        from atio_core.data.frames import frames_polars

        return frames_polars.stored_as(described)
    from atio_core.data.frames import frames_pandas, pandas_index

    return frames_pandas.stored_as(pandas_index.build_dtype(described))


def apart_from_nulls(described: Json) -> Json:
    """Return a type as it is whether or not it has nulls: only Arrow's say so beside what they are."""
    if not isinstance(described, dict):
        return described
    return {key: value for key, value in cast("dict[str, Any]", described).items() if key != "nullable"}


def takes_nulls(library: str, described: Json) -> bool:
    """Say whether a type has nulls; among pandas' a missing value that they come back as, which for floats is NaN.

    Example:
        >>> takes_nulls("pandas", "int64"), takes_nulls("pandas", "float64"), takes_nulls("pandas", "Int64")
        (False, True, True)
    """
    if library != "pandas":
        return library == "polars" or described.get("nullable", True)
    if isinstance(described, dict):
        content = cast("dict[str, Any]", described)
        return "interval" not in content or takes_nulls(library, content["interval"][0])
    return not (_parts(described)[0] in ("bool", "int", "uint") or described.startswith("complex"))


def with_nulls(library: str, described: Json) -> str | None:
    """Return how a user calls the type that has the values of one that has no nulls, and nulls; None if there is none.

    Example:
        >>> with_nulls("pandas", "uint8"), with_nulls("pandas", "bool"), with_nulls("arrow", {})
        ('UInt8', 'boolean', 'a nullable field')
    """
    if library == "arrow":
        return "a nullable field"
    plain = isinstance(described, str) and not described.startswith("complex")
    return _masked(described) if plain else None


def _masked(name: str) -> str | None:
    """Return what pandas calls the same numbers with NA; there is no Float16."""
    kind, bits = _parts(name)
    kinds = {"bool": "boolean", "int": "Int", "uint": "UInt", "float": None if name == "float16" else "Float"}
    return None if kinds[kind] is None else f"{kinds[kind]}{bits or ''}"


# --- Numbers and units


def wider_number(ours: str, theirs: str, *, most_bits: int = 64) -> str | None:
    """Return the number that holds both, by names such as "uint8"; None if there is none.

    Example:
        >>> wider_number("uint8", "int8"), wider_number("float32", "float64"), wider_number("int8", "float64")
        ('int16', 'float64', None)
    """
    (kind, bits), (other_kind, other_bits) = _parts(ours), _parts(theirs)
    if kind == other_kind and kind in ("int", "uint", "float"):
        return f"{kind}{max(bits, other_bits)}"
    if {kind, other_kind} != {"int", "uint"}:
        return None
    signed, unsigned = (bits, other_bits) if kind == "int" else (other_bits, bits)
    needed = max(signed, 2 * unsigned)
    return f"int{needed}" if needed <= most_bits else None


def _parts(name: str) -> tuple[str, int]:
    kind = name.rstrip("0123456789")
    return kind, int(name[len(kind) :] or 0)


def _unit(ours: str, theirs: str) -> str:
    """The finer one. Some values may be too far away for it, which is looked at where the values are."""
    return max(ours, theirs, key=_UNITS.index)


def _decimal(ours: Sequence[int], theirs: Sequence[int], bits: int) -> list[int] | None:
    """Precision and scale that hold both."""
    scale = max(ours[1], theirs[1])
    precision = scale + max(ours[0] - ours[1], theirs[0] - theirs[1])
    return [precision, scale] if precision <= _MOST_DIGITS[bits] else None


def grown(ours: Sequence[Json], theirs: Sequence[Json], *, ordered: bool) -> list[Json] | None:
    """Return a table's categories, then those that are new; None if both have an order, and not the same.

    Example:
        >>> grown(["a", "b"], ["b", "c"], ordered=True), grown(["a", "b"], ["b", "a"], ordered=True)
        (['a', 'b', 'c'], None)
    """
    known, wanted = [*map(canonical_json, ours)], [*map(canonical_json, theirs)]
    new = [value for value, key in zip(theirs, wanted, strict=True) if key not in set(known)]
    after = [*known, *map(canonical_json, new)]
    places = [after.index(key) for key in wanted]
    return None if ordered and places != sorted(places) else [*ours, *new]


# --- Arrow


def _arrow(ours: Json, theirs: Json) -> dict[str, Any] | None:
    found = wider_arrow(arrow_types.build(ours["arrow"]), arrow_types.build(theirs["arrow"]))
    if found is None:
        return None
    described: dict[str, Any] = {"arrow": arrow_types.describe(found)}
    before, after = ours.get("categories"), theirs.get("categories")
    if before is not None and after is not None:
        categories = grown(before, after, ordered=True)
        return None if categories is None else described | {"categories": categories}
    kept = before if after is None else after
    return described if kept is None else described | {"categories": kept}


def wider_arrow(ours: pa.DataType, theirs: pa.DataType) -> pa.DataType | None:
    """Return the Arrow type that holds the values of both, or None.

    Example:
        >>> wider_arrow(pa.list_(pa.int8()), pa.list_(pa.int64()))
        ListType(list<item: int64>)
    """
    if ours == theirs or pa.types.is_null(theirs):
        return ours
    if pa.types.is_null(ours):
        return theirs
    for test in (arrow_types.is_text, _is_bytes):
        if test(ours) and test(theirs):
            return ours
    if pa.types.is_decimal(ours) and pa.types.is_decimal(theirs):
        return _wider_decimal(ours, theirs)
    if pa.types.is_dictionary(ours) and pa.types.is_dictionary(theirs):
        return _wider_dictionary(ours, theirs)
    if pa.types.is_nested(ours) and pa.types.is_nested(theirs):
        return _wider_nested(ours, theirs)
    return _wider_temporal(ours, theirs) or _wider_primitive(ours, theirs)


def _is_bytes(t: pa.DataType) -> bool:
    return arrow_types.is_text_or_bytes(t) and not arrow_types.is_text(t)


_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}


def _wider_primitive(ours: pa.DataType, theirs: pa.DataType) -> pa.DataType | None:
    names = [_NAMES.get(str(t), str(t)) for t in (ours, theirs)]
    found = wider_number(*names)
    return None if found is None else pa.type_for_alias("halffloat" if found == "float16" else found)


def _wider_decimal(ours: Any, theirs: Any) -> pa.DataType | None:
    bits = max(ours.bit_width, theirs.bit_width)
    for width in (width for width in _MOST_DIGITS if width >= bits):
        found = _decimal((ours.precision, ours.scale), (theirs.precision, theirs.scale), width)
        if found is not None:
            return arrow_types.build({f"decimal{width}": found})
    return None


def _wider_dictionary(ours: Any, theirs: Any) -> pa.DataType | None:
    value = wider_arrow(ours.value_type, theirs.value_type)
    index = wider_arrow(ours.index_type, theirs.index_type)
    if value != ours.value_type or index is None or ours.ordered != theirs.ordered:
        return None
    return pa.dictionary(index, value, ordered=ours.ordered)


def _wider_temporal(ours: Any, theirs: Any) -> pa.DataType | None:
    if pa.types.is_date(ours) and pa.types.is_date(theirs):
        return ours  # both count whole days
    alike = any(test(ours) and test(theirs) for test in (pa.types.is_time, pa.types.is_duration))
    if alike or (pa.types.is_timestamp(ours) and pa.types.is_timestamp(theirs) and ours.tz == theirs.tz):
        return max(ours, theirs, key=lambda t: _UNITS.index(t.unit))
    return None


def _wider_nested(ours: Any, theirs: Any) -> pa.DataType | None:
    """Return the type of the same shape around what is inside both."""
    if ours.id != theirs.id or ours.num_fields != theirs.num_fields or pa.types.is_union(ours):
        return None
    inner: list[pa.Field] = []
    for before, after in zip(arrow_types.fields_of(ours), arrow_types.fields_of(theirs), strict=True):
        t = wider_arrow(before.type, after.type)
        if t is None or (pa.types.is_struct(ours) and before.name != after.name):
            return None
        inner.append(before.with_type(t).with_nullable(before.nullable or after.nullable))
    if pa.types.is_struct(ours):
        return pa.struct(inner)
    if pa.types.is_map(ours):
        same = ours.keys_sorted == theirs.keys_sorted
        entries = arrow_types.fields_of(inner[0].type)
        return pa.map_(*entries, keys_sorted=ours.keys_sorted) if same else None
    same = getattr(ours, "list_size", None) == getattr(theirs, "list_size", None)
    return arrow_types.list_like(ours, inner[0]) if same else None


# --- polars


def _polars(ours: Json, theirs: Json) -> Json | None:
    if theirs in (ours, "Null"):
        return ours
    if ours == "Null":
        return theirs
    if isinstance(ours, str) or isinstance(theirs, str):
        return _polars_number(ours, theirs)
    ((kind, before),), ((other, after),) = ours.items(), theirs.items()
    merge = _POLARS_MERGES.get(kind) if kind == other else None
    content = None if merge is None else merge(before, after)
    return None if content is None else {kind: content}


_POLARS = {"int": "Int", "uint": "UInt", "float": "Float"}


def _polars_number(ours: Json, theirs: Json) -> str | None:
    if not isinstance(ours, str) or not isinstance(theirs, str):
        return None
    found = wider_number(ours.lower(), theirs.lower(), most_bits=128)
    return None if found is None else _POLARS[_parts(found)[0]] + str(_parts(found)[1])


def _zoned(ours: Sequence[Any], theirs: Sequence[Any]) -> list[Any] | None:
    """Unit and time zone that hold both."""
    return [_unit(ours[0], theirs[0]), ours[1]] if ours[1] == theirs[1] else None


def _polars_array(ours: Sequence[Any], theirs: Sequence[Any]) -> list[Any] | None:
    inner = _polars(ours[0], theirs[0]) if ours[1] == theirs[1] else None
    return None if inner is None else [inner, ours[1]]


def _polars_struct(ours: Sequence[Any], theirs: Sequence[Any]) -> list[Any] | None:
    if [name for name, _ in ours] != [name for name, _ in theirs]:
        return None
    inner = [[name, _polars(before, after)] for (name, before), (_, after) in zip(ours, theirs, strict=True)]
    return None if any(found is None for _, found in inner) else inner


_POLARS_MERGES: dict[str, Callable[[Any, Any], Any]] = {
    "Datetime": _zoned,
    "Duration": _unit,
    "Decimal": lambda ours, theirs: _decimal(ours, theirs, 128),
    "Enum": lambda ours, theirs: grown(ours, theirs, ordered=True),
    "List": _polars,
    "Array": _polars_array,
    "Struct": _polars_struct,
}


# --- pandas


def _pandas(ours: Json, theirs: Json) -> Json | None:
    if ours == theirs:
        return ours
    for nulls, other in ((theirs, ours), (ours, theirs)):
        if nulls == {"object": "null"}:
            return other if takes_nulls("pandas", other) else None
    if isinstance(ours, str) and isinstance(theirs, str):
        return _pandas_number(ours, theirs)
    if isinstance(ours, str) or isinstance(theirs, str):
        return None
    ((kind, before),), ((other, after),) = ours.items(), theirs.items()
    if kind != other:
        return None
    match kind:
        case "datetime":
            zoned = _zoned(before, after)
            return None if zoned is None else {kind: zoned}
        case "category":
            return _pandas_category(before, after)
        case "arrow":
            found = wider_arrow(arrow_types.build(before), arrow_types.build(after))
            return None if found is None else {kind: arrow_types.describe(found)}
        case _:
            return None


def _pandas_number(ours: str, theirs: str) -> str | None:
    if "[" in ours or "[" in theirs:
        kinds = [name.removesuffix("]").split("[") for name in (ours, theirs)]
        if kinds[0][0] != kinds[1][0]:
            return None
        return f"{kinds[0][0]}[{_unit(kinds[0][-1], kinds[1][-1])}]"
    if ours.startswith("complex") and theirs.startswith("complex"):
        return max(ours, theirs, key=lambda name: _parts(name)[1])
    names = ["bool" if name == "boolean" else name.lower() for name in (ours, theirs)]
    found = names[0] if names[0] == names[1] else wider_number(*names)
    if found is None or (
        ours == ours.lower() and theirs == theirs.lower() and "boolean" not in (ours, theirs)
    ):
        return found
    return _masked(found)


def is_category(described: Json) -> bool:
    """Say whether a type is a pandas category."""
    return isinstance(described, dict) and "category" in described


def _pandas_category(ours: dict[str, Any], theirs: dict[str, Any]) -> Json | None:
    from atio_core.data.frames.frames_pandas import stored_categories
    from atio_core.data.frames.pandas_index import build_dtype

    if ours["ordered"] != theirs["ordered"] or _kind_of_categories(ours) != _kind_of_categories(theirs):
        return None
    values = grown(ours["values"], theirs["values"], ordered=ours["ordered"])
    if values is None or values == ours["values"]:
        return None if values is None else {"category": ours}
    found = {"category": {"kind": _kind_of_categories(ours), "values": values, "ordered": ours["ordered"]}}
    try:
        dtypes = [build_dtype({"category": ours}), build_dtype(found)]
    except ValueError:  # pandas takes two of them for one, such as 1 and True
        return None
    # Old files hold codes, or the categories themselves: that must stay as it is.
    codes = [stored_categories(dtype.categories) is None for dtype in dtypes]
    return found if codes[0] == codes[1] else None


def _kind_of_categories(content: dict[str, Any]) -> Json:
    kind = {key: value for key, value in content["kind"].items() if key not in ("range", "freq")}
    return {"dtype": "int64", **kind} if "range" in content["kind"] else kind
