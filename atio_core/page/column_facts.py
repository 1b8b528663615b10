"""The columns of a version as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atio_core.data.keys.primary_key import key_of
from atio_core.data.schema.conform import field_id, is_required
from atio_core.data.schema.layout import layout_of
from atio_core.page.row_facts import shortened

if TYPE_CHECKING:
    import pyarrow as pa


def columns_of(schema: pa.Schema) -> list[dict[str, Any]]:
    """Return the columns of a schema, those of a pandas index behind the others.

    Example:
        >>> import atio_core as atio, pyarrow as pa
        >>> table = atio.Table("memory://page-columns-example")
        >>> columns_of(table.append(pa.table({"a": [1]})).schema)
        [{'id': 1, 'name': 'a', 'type': 'int64', 'not_null': False, 'key': False, 'index': False}]
    """
    layout, key = layout_of(schema), key_of(schema).names
    columns = [(column, False) for column in layout.columns] + [(level, True) for level in layout.index]
    return [
        {
            "id": field_id(field),
            "name": str(column.value),
            "type": shortened(str(field.type)),
            "not_null": is_required(field),
            "key": column.name in key,
            "index": is_index,
        }
        for column, is_index in columns
        for field in (schema.field(column.name),)
    ]
