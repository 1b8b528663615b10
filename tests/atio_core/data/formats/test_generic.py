"""Formats that atio doesn't know: the object's own method, or the caller's callable."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import polars as pl
import pytest

import atio_core as atio
from tests.support.writers import frame


class Picture:
    """What knows how to write itself, in two formats."""

    def to_png(self, file: BinaryIO, *, dots: int = 1) -> str:
        """Write, and return what nobody asked for."""
        file.write(b"png" * dots)
        return "ignored"

    def write_svg(self, file: Any) -> None:
        """Write text."""
        file.write("<svg>né</svg>")

    def save_png(self, file: BinaryIO) -> None:
        """Never called: `to_png` comes first."""
        raise AssertionError(file)


def test_the_format_names_a_method(tmp_path: Path) -> None:
    """A format that atio doesn't know is the object's own method: to_, write_ or save_ and the name, or the suffix."""
    result = atio.write(Picture(), tmp_path / "a.png", dots=2)
    assert (result.format, result.rows, result.columns) == ("png", None, None)
    assert (tmp_path / "a.png").read_bytes() == b"pngpng"
    atio.write(Picture(), tmp_path / "a", "svg")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "<svg>né</svg>"


def test_methods_of_frames(tmp_path: Path) -> None:
    """All that pandas and polars can write into a file can be written: HTML, ORC and Avro among it."""
    made: pd.DataFrame = frame("pandas")
    for name in ("html", "orc"):
        result = atio.write(made, tmp_path / f"a.{name}")
        assert (result.format, result.rows, result.columns) == (name, 3, 3)
    made.to_html(tmp_path / "own.html", encoding="utf-8")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "own.html").read_bytes()
    assert pd.read_orc(tmp_path / "a.orc").equals(made)
    atio.write(frame("polars"), tmp_path / "a.avro")
    assert pl.read_avro(tmp_path / "a.avro").equals(frame("polars"))
    assert atio.write(pd.Series([1, 2], name="a"), tmp_path / "a.csv", index=False).rows == 2
    assert (tmp_path / "a.csv").read_text() == "a\n1\n2\n"


def by_file(file: BinaryIO) -> None:
    """Write into the file."""
    file.write(b"whole")


def by_path(file: BinaryIO) -> None:
    """Write through the path alone."""
    Path(file.name).write_bytes(b"whole")


def by_seeking(file: BinaryIO) -> None:
    """Go back and correct."""
    file.write(b"Whole")
    file.seek(0)
    file.write(b"w")


def by_closing(file: BinaryIO) -> None:
    """Close the file, as some libraries do."""
    file.write(b"whole")
    file.close()


def by_descriptor(file: BinaryIO) -> None:
    """Write below Python's buffer."""
    os.write(file.fileno(), b"whole")


@pytest.mark.parametrize("writer", [by_file, by_path, by_seeking, by_closing, by_descriptor])
def test_a_callable_writes(tmp_path: Path, writer: Callable[[Any], None]) -> None:
    """The caller's callable writes in whatever way: into the file, through its path, seeking, closing."""
    result = atio.write(None, tmp_path / "a.foo", writer=writer)
    assert (tmp_path / "a.foo").read_bytes() == b"whole"
    assert (result.format, result.bytes) == ("custom", 5)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.foo"]


def test_a_callable_gets_options(tmp_path: Path) -> None:
    """A bound method of the object, with options, is a callable too; the format is what the caller calls it."""
    made: pd.DataFrame = frame("pandas")
    result = atio.write(
        made, tmp_path / "a.dta", "stata", writer=made.iloc[:, 1:].to_stata, write_index=False
    )
    assert (result.format, result.rows) == ("stata", 3)
    assert pd.read_stata(tmp_path / "a.dta").shape == (3, 2)


def test_a_library_that_wants_to_read_what_it_wrote(tmp_path: Path) -> None:
    """Archives are written through the file's path."""

    def write(file: BinaryIO) -> None:
        for name in ("a", "b"):
            with zipfile.ZipFile(file.name, "a") as archive:
                archive.writestr(name, name)

    atio.write(None, tmp_path / "a.zip", writer=write)
    assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == ["a", "b"]


def elsewhere(file: BinaryIO) -> None:
    """Replace the file that was given."""
    Path(file.name).unlink()
    Path(file.name).write_bytes(b"other")


def fails(file: BinaryIO) -> None:
    """Fail half way."""
    file.write(b"half")
    raise RuntimeError("no more")


@pytest.mark.parametrize(
    ("writer", "said"),
    [
        (elsewhere, "put another file in the place"),
        (lambda _file: None, "wrote nothing into the file"),
        (fails, "RuntimeError: no more"),
        ("text", "takes a callable"),
        (lambda: None, "TypeError"),
        (lambda file: (file.write(b"new"), file.raw.close()), "closed the file beneath"),
    ],
    ids=["elsewhere", "nothing", "fails", "no callable", "no argument", "beneath"],
)
def test_a_callable_that_does_not_do_is_refused(tmp_path: Path, writer: Any, said: str) -> None:
    """A callable that fails, writes nothing or puts another file there leaves the old file alone."""
    path = tmp_path / "a.foo"
    path.write_bytes(b"old")
    with pytest.raises(atio.InvalidInputError, match=said):
        atio.write(None, path, writer=writer)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_callable_keeps_is_not_known(tmp_path: Path) -> None:
    """Strictness refuses what nobody can vouch for; otherwise it is said."""
    with pytest.raises(atio.NotPreservableError, match=r"doesn't know what Picture\.to_png keeps"):
        atio.write(Picture(), tmp_path / "a.png", strict=True)
    (loss,) = atio.write(Picture(), tmp_path / "a.png").losses
    assert str(loss) == "atio doesn't know what Picture.to_png keeps"


def test_an_error_of_ours_goes_through(tmp_path: Path) -> None:
    """An error of atio's from within a callable is raised as it is."""

    def write(_file: object) -> None:
        raise atio.TableNotFoundError("none")

    with pytest.raises(atio.TableNotFoundError):
        atio.write(None, tmp_path / "a", writer=write)
