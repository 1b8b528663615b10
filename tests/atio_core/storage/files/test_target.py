import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from atio_core.errors import InvalidInputError, StorageError
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement
from atio_core.storage.files.target import find_target
from tests.support.replacing import as_nobody, replace


@pytest.mark.parametrize(
    ("path", "said"),
    {
        "{0}": "a folder",
        "{0}/": "a folder",
        "{0}/new.csv/": "names a folder",
        "{0}/missing/a.csv": "os.makedirs",
        "{0}/dangling": "os.makedirs",
        "{0}/file/a.csv": "Not a directory",
        "{0}/fifo": "a FIFO",
        "{0}/socket": "a socket",
        "{0}/loop": "circle",
        "{0}/to a stream": "a stream",
        "{0}/" + "a" * 256: "too long",
        "/dev/null": "a device",
        "/dev/stdout": "a stream",
        "/dev/fd/1": "a stream",
        "/dev/./fd/1": "a stream",
        "": "empty",
        "a\0b": "NUL",
        "s3://bucket/a.csv": "URL",
        "file:///tmp/a.csv": "URL",
    }.items(),
)
def test_what_is_no_file_is_refused(tmp_path: Path, path: str, said: str) -> None:
    """A target that can't be a plain file is refused with its name and advice, before anything is made."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("missing/a.csv")
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "stream").open("wb") as out, socket.socket(socket.AF_UNIX) as listening:
        (tmp_path / "to a stream").symlink_to(f"/proc/self/fd/{out.fileno()}")
        listening.bind(os.path.relpath(tmp_path / "socket"))  # such names are short
        names = sorted(tmp_path.iterdir())
        with pytest.raises(InvalidInputError, match=said):
            find_target(path.format(tmp_path))
    assert sorted(tmp_path.iterdir()) == names


@pytest.mark.parametrize("path", [3, None, ["a.csv"]], ids=repr)
def test_what_is_no_path_is_refused(path: object) -> None:
    """What is no path is refused, and its type is named."""
    with pytest.raises(InvalidInputError, match=f"not {type(path).__name__}"):
        find_target(path)


def test_a_url_may_hold_a_secret() -> None:
    """It isn't told; one that fsspec knows as a path is refused likewise."""
    urls: list[Any] = ["s3://me:hidden@bucket/a.csv", UPath("s3://bucket/a.csv", key="hidden")]
    for url in urls:
        with pytest.raises(InvalidInputError, match="begins with 's3://'") as caught:
            find_target(url)
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("kind", [str, os.fsencode, Path, UPath, lambda path: UPath(f"file://{path}")])
def test_paths_of_all_kinds(tmp_path: Path, kind: Callable[[str], object]) -> None:
    """A path is a str, bytes, a Path, or one of fsspec's to a file of this machine."""
    replace(kind(str(tmp_path / "a.csv")))
    assert (tmp_path / "a.csv").read_bytes() == b"new"


@pytest.mark.parametrize("path", ["~/a.csv", b"~/a.csv", Path("~/a.csv")], ids=repr)
def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: object) -> None:
    """`~` leads home, as in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    replace(path)
    assert (tmp_path / "a.csv").read_bytes() == b"new"


def test_a_relative_path_is_taken_from_here(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path starts where the process is when it is given; a change of folder meanwhile does no harm."""
    monkeypatch.chdir(tmp_path)
    with replacement(plan_publication(old.name)) as new:
        new.file.write(b"new")
        os.chdir("/")
        new.sync()
        new.publish()
    assert old.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.parametrize(
    "name",
    [
        "a" * 255,
        "é" * 127,
        "\N{PANDA FACE}" * 63,
        "with spaces",
        "new\nline",
        "..a",
        ".hidden",
        "-x",
        "a" * 230,
    ],
    ids=len,
)
def test_names_of_all_kinds(tmp_path: Path, name: str) -> None:
    """Any name that a file may have can be written, up to the longest."""
    replace(tmp_path / name)
    replace(tmp_path / name, b"newer")
    assert (tmp_path / name).read_bytes() == b"newer"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("start", ["a", "ab", "abc"])
def test_temporary_names_are_cut_between_characters(tmp_path: Path, start: str) -> None:
    """The temporary file's name is text where the target's is, however long: some file systems take no other."""
    with replacement(plan_publication(tmp_path / (start + "\N{PANDA FACE}" * 60))):
        (temporary,) = tmp_path.iterdir()
        temporary.name.encode("utf-8")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A name of bytes that are no UTF-8 can be written too."""
    path = os.fsencode(tmp_path) + b"/\xff\xfe.csv"
    try:
        os.close(os.open(path, os.O_CREAT))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    replace(path)
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [b"\xff\xfe.csv"]
    assert Path(os.fsdecode(path)).read_bytes() == b"new"


def test_a_read_only_file_is_refused() -> None:
    """A file that its owner protected isn't replaced, although the folder would allow it."""
    with as_nobody() as folder:
        path = folder / "prices.csv"
        path.write_bytes(b"old")
        path.chmod(0o444)
        with pytest.raises(StorageError, match="read-only") as caught:
            replace(path)
        assert caught.value.errno == errno.EACCES
        assert list(folder.iterdir()) == [path]
        assert path.read_bytes() == b"old"


def test_a_file_that_vanishes_while_it_is_looked_at(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody removes isn't taken for a read-only one."""
    real = os.access

    def remove_first(path: str, mode: int, **options: bool) -> bool:
        old.unlink(missing_ok=True)
        return real(path, mode, **options)

    monkeypatch.setattr(os, "access", remove_first)
    monkeypatch.setattr(os, "supports_effective_ids", {remove_first})
    assert find_target(old).file == str(old)


@pytest.mark.parametrize("folder_bits", [0o500, 0o300])
def test_a_folder_without_rights_is_refused(folder_bits: int) -> None:
    """Where no file can be made, or no name be synced, that is said before anything is made."""
    with as_nobody() as folder:
        folder.chmod(folder_bits)
        try:
            with pytest.raises(StorageError, match="no file can be made, or synced"):
                find_target(folder / "a.csv")
        finally:
            folder.chmod(0o700)


def test_links_are_written_through(tmp_path: Path) -> None:
    """A link stays, and what it leads to is replaced, over several links and folders."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "prices.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("second.csv")
    (tmp_path / "second.csv").symlink_to("real/prices.csv")
    target = find_target(tmp_path / "link.csv")
    assert (target.name, target.file) == ("link.csv", str(real / "prices.csv"))
    with replacement(plan_publication(tmp_path / "link.csv")):
        assert len(list(real.iterdir())) == 2, "the temporary file lies where the real one does"
    replace(tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "second.csv").is_symlink()
    assert (real / "prices.csv").read_bytes() == b"new"
    assert not (real / "prices.csv").is_symlink()


def test_a_dangling_link_gets_its_file(tmp_path: Path) -> None:
    """What a link leads to is made if it isn't there."""
    (tmp_path / "link.csv").symlink_to("later.csv")
    replace(tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "later.csv").read_bytes() == b"new"


def test_a_link_that_leaves_its_folder_by_dots(tmp_path: Path) -> None:
    """`..` in a link leads to where the system says, not to where its text looks like."""
    (tmp_path / "far/deep").mkdir(parents=True)
    (tmp_path / "near").symlink_to("far/deep")
    replace(tmp_path / "near" / ".." / "a.csv")
    assert (tmp_path / "far/a.csv").read_bytes() == b"new"
    assert not (tmp_path / "a.csv").exists()


def deep_folder(above: Path, length: int) -> Path:
    """Make a folder whose path has so many bytes."""
    folder = above
    while length - len(str(folder)) > 260:
        folder /= "d" * 200
    folder /= "d" * (length - len(str(folder)) - 1)
    folder.mkdir(parents=True)
    assert len(str(folder)) == length
    return folder


def test_paths_up_to_the_longest(tmp_path: Path) -> None:
    """A long path is written as long as the temporary file's, which may be a little longer, is none too long."""
    path = deep_folder(tmp_path, 4000) / ("x" * 94)
    replace(path)
    replace(path, b"newer", keep_previous=path.with_name("kept"))
    assert len(str(path)) == 4095
    assert path.read_bytes() == b"newer"
    assert sorted(found.name for found in path.parent.iterdir()) == ["kept", path.name]


def test_paths_without_room_for_a_temporary_file(tmp_path: Path) -> None:
    """Where that would be too long, the write is refused with the reason, and nothing changes."""
    path = deep_folder(tmp_path, 4085) / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(StorageError, match=r"too long.*Use a shorter path"):
        replace(path)
    with pytest.raises(InvalidInputError, match="too long"):
        find_target(path / ("x" * 200))
    assert [found.name for found in path.parent.iterdir()] == ["a.csv"]


def test_a_working_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path leads nowhere then; an absolute one is none the worse."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(InvalidInputError, match="working folder is gone"):
        find_target("a.csv")
    replace(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"new"


def test_a_folder_that_is_a_link(tmp_path: Path) -> None:
    """Folders on the way may be links; the temporary file lies, and is cleaned up, behind them."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/.a.0123456789abcdef.atio-tmp").touch()
    (tmp_path / "real/.a.0123456789abcdef.atio-previous").touch()
    replace(tmp_path / "link" / "a.csv", keep_previous=True)
    replace(tmp_path / "link" / "a.csv", keep_previous=True)
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["a.csv", "a.csv.previous"]
