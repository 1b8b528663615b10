"""`atio ui`: a page that shows a table or a store."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.options import AsJson
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_store, open_table
from atio_core.errors import NotFoundError
from atio_core.page import name_of
from atio_core.store import Store
from atio_core.table import Table


def ui(
    place: Annotated[str, Parameter(help="The table's folder, or the store's.")],
    /,
    *,
    output: Annotated[
        str | None,
        Parameter(name=("--output", "-o"), help="The page; NAME.atio.html in this folder if not given."),
    ] = None,
    sample: Annotated[int, Parameter(help="Put so many rows of each version in; none if not given.")] = 0,
    json: AsJson = False,
) -> None:
    """Write one HTML page that shows the versions of a table, or of a store's tables, and what they differ in.

    It needs no server, no network and no other file: open it in a browser, or send it by mail.
    """
    opened = _opened(place)
    page = opened.write_page(
        output or f"{name_of(opened.path).strip('/') or 'store'}.atio.html", sample=sample
    )
    size = page.stat().st_size
    if json:
        print_json({"path": str(page), "bytes": size})
    else:
        print_text(f"{page}: {size:,} bytes; open it in a browser")


def _opened(place: str) -> Table | Store:
    """The table that lies there, if only as versions of one that was dropped; else the store."""
    table, store = open_table(place), open_store(place)
    try:
        table.history()
    except NotFoundError:
        if store.tables(dropped=True):
            return store
        raise NotFoundError(f"{place} is no table, and no folder of tables; correct the path") from None
    return table
