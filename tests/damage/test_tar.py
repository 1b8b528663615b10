"""A table in one tar file is a table: whole, checked when it is taken over, and refused where it was tampered with."""

from __future__ import annotations

import errno
import io
import subprocess
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import atio_core as atio
from atio_core.errors import AlreadyExistsError, DamagedError, InvalidInputError, NotFoundError, StorageError
from atio_core.log.limits import DEFAULT_LIMITS
from atio_core.storage.local import LocalStore
from atio_core.storage.tar import open_tar
from atio_core.table import Table
from tests.crash.test_full_disk import fill, needs_mount, on_small_disk
from tests.damage.tables import LIMITS, Sample, frame
from tests.support.crowd import run_together
from tests.support.looking import contents


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A small table, as a tar file."""
    table = Table(tmp_path / "small")
    for number in range(3):
        table.append(frame(number))
    table.export(tmp_path / "small.tar")
    return tmp_path / "small.tar"


def imported(source: Path, sample: Sample | None = None) -> Table:
    """Take over a tar file."""
    limits = DEFAULT_LIMITS if sample is None else LIMITS
    table = Table(source.with_name(f"of-{source.name}.t"), limits=limits)
    table.import_(source)
    return table


def test_all_of_it(sample: Sample, tmp_path: Path) -> None:
    """What was exported is imported: every version, its rows, and nothing else is left behind."""
    report = sample.table().export(tmp_path / "all.tar")
    assert (report.target, report.versions) == (str(tmp_path / "all.tar"), tuple(sample.contents))
    assert [path.name for path in tmp_path.iterdir()] == ["all.tar"]
    table = imported(tmp_path / "all.tar", sample)
    assert contents(table) == sample.contents
    assert table.verify("all").ok


def test_some_versions(sample: Sample, tmp_path: Path) -> None:
    """Only the versions chosen are in it."""
    versions = sorted(sample.contents)[:2]
    sample.table().export(tmp_path / "some.tar", versions=versions)
    table = imported(tmp_path / "some.tar", sample)
    assert contents(table) == {version: sample.contents[version] for version in versions}
    table.append(frame(100)) if not table.snapshot().partition_fields else None
    assert table.verify("all").ok


def test_a_tar_program_makes_the_folder_of_it(sample: Sample, tmp_path: Path) -> None:
    """Unpacked by `tar`, it is the table's folder."""
    sample.table().export(tmp_path / "all.tar")
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "xf", tmp_path / "all.tar", "-C", tmp_path / "unpacked"], check=True)
    table = Table(tmp_path / "unpacked", limits=LIMITS)
    assert contents(table) == sample.contents
    assert table.verify("all").ok


def test_an_import_goes_on_and_is_brought_up_to_date(exported: Path) -> None:
    """Done again, an import copies nothing; a newer export brings the copy up to date."""
    table, source = imported(exported), Table(exported.with_suffix(""))
    assert table.import_(exported).files == 0
    source.append(frame(9))
    source.export(exported.with_name("newer.tar"))
    assert table.import_(exported.with_name("newer.tar")).files == 1
    assert table.read(output_as="arrow") == source.read(output_as="arrow")
    table.append(frame(10))
    with pytest.raises(AlreadyExistsError):
        table.import_(exported)


def test_a_folder_may_be_called_so(tmp_path: Path) -> None:
    """A table's folder whose name ends like a tar file's is taken over as a folder."""
    Table(tmp_path / "odd.tar").append(frame(1))
    assert imported(tmp_path / "odd.tar").snapshot().rows == 1


def test_what_is_there_stays(exported: Path, tmp_path: Path) -> None:
    """An export replaces no file, makes none in the table's folder, and none of a table that isn't there."""
    before, table = exported.read_bytes(), Table(exported.with_suffix(""))
    with pytest.raises(AlreadyExistsError):
        table.export(exported)
    assert exported.read_bytes() == before
    with pytest.raises(InvalidInputError, match="lie in each other"):
        table.export(Path(table.path) / "x.tar")
    with pytest.raises(atio.TableNotFoundError):
        Table(tmp_path / "nothing").export(tmp_path / "nothing.tar")
    with pytest.raises(NotFoundError, match="there is no file"):
        Table(tmp_path / "new").import_(tmp_path / "nothing.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "small.tar"]


def test_damage_is_not_exported(exported: Path, tmp_path: Path) -> None:
    """A table with a damaged file gives no tar file, and the file is named."""
    (data,) = list((tmp_path / "small" / "data").iterdir())[:1]
    for wrong in (data.read_bytes()[:-1], data.read_bytes() + b"!", b"?" * data.stat().st_size):
        data.write_bytes(wrong)
        with pytest.raises(DamagedError) as caught:
            Table(tmp_path / "small").export(tmp_path / "again.tar")
        assert caught.value.facts["path"] == f"data/{data.name}"
        assert not (tmp_path / "again.tar").exists()


def test_any_byte_that_is_another_is_seen_or_harmless(exported: Path, tmp_path: Path) -> None:
    """Whatever byte of a tar file is damaged: the import refuses it, or takes over exactly what was exported."""
    whole, expected = exported.read_bytes(), Table(exported.with_suffix("")).read(output_as="arrow")
    refused = 0
    for at in range(0, len(whole), 61):
        exported.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        target = Table(tmp_path / f"target-{at}")
        try:
            target.import_(exported)
        except (DamagedError, InvalidInputError, NotFoundError):
            refused += 1
        else:
            assert target.read(output_as="arrow") == expected
            assert [one.version for one in target.history()] == [3, 2, 1]
    assert refused > 50


def test_wherever_it_is_cut_off(exported: Path, tmp_path: Path) -> None:
    """A tar file that lacks any part of its end is refused before anything is taken over."""
    whole = exported.read_bytes()
    last = len(whole.rstrip(b"\0")) + 1_024
    for length in [*range(0, last, 512), last - 1]:
        exported.write_bytes(whole[:length])
        target = Table(tmp_path / f"target-{length}")
        with pytest.raises(DamagedError):
            target.import_(exported)
        assert not Path(target.path).exists()


def test_bytes_behind_the_end_are_refused(exported: Path, tmp_path: Path) -> None:
    """What stands behind the end is no part of the table, and hides nothing."""
    exported.write_bytes(exported.read_bytes() + b"more")
    with pytest.raises(DamagedError, match="behind its last file"):
        imported(exported)


def added(info: tarfile.TarInfo, data: bytes = b"") -> Callable[[tarfile.TarFile], None]:
    """Return what adds a member to a tar file."""
    info.size = len(data)
    return lambda tar: tar.addfile(info, io.BytesIO(data))


def of_type(name: str, kind: bytes, leads_to: str = "") -> tarfile.TarInfo:
    """Return a member of a kind."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, leads_to
    return info


HOSTILE = {
    "above": added(tarfile.TarInfo("../escaped"), b"x"),
    "above, within": added(tarfile.TarInfo("data/../../escaped"), b"x"),
    "absolute": added(tarfile.TarInfo("/escaped"), b"x"),
    "backslash": added(tarfile.TarInfo("..\\escaped"), b"x"),
    "dot": added(tarfile.TarInfo("./data/x"), b"x"),
    "symbolic link": added(of_type("data/link", tarfile.SYMTYPE, "/etc/passwd")),
    "hard link": added(of_type("data/link", tarfile.LNKTYPE, "/etc/passwd")),
    "device": added(of_type("data/device", tarfile.CHRTYPE)),
    "fifo": added(of_type("data/fifo", tarfile.FIFOTYPE)),
    "folder above": added(of_type("..", tarfile.DIRTYPE)),
    "twice": lambda tar: [added(tarfile.TarInfo("data/x"), b"x")(tar) for _ in range(2)] and None,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_no_export_holds_is_refused(exported: Path, tmp_path: Path, kind: str) -> None:
    """Names that lead elsewhere, links, devices, names that come twice: all is refused before anything is made."""
    before = sorted(path.name for path in tmp_path.iterdir())
    with tarfile.open(exported, "a") as tar:
        HOSTILE[kind](tar)
    with pytest.raises(InvalidInputError, match="is no export of a table"):
        Table(tmp_path / "target").import_(exported)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" * 500, bytes(10_240), b"\xff" * 10_240])
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes) -> None:
    """Another file that is called so, or an empty tar file, gives an error that says so."""
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises((DamagedError, NotFoundError)):
        Table(tmp_path / "target").import_(tmp_path / "x.tar")
    assert not (tmp_path / "target").exists()


class Expiring(LocalStore):
    """A table's place, in which all but the latest version expire at the third read of a data file."""

    reads = 0

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Read, and let versions expire."""
        if name.startswith("data/"):
            self.reads += 1
            if self.reads == 3:
                Table(self.location).expire(keep_last=1)
        return super().read_into(name, start, into)


def test_versions_that_expire_meanwhile(tmp_path: Path) -> None:
    """An export that loses versions half-way starts over with those that are left, and is whole."""
    table = Table(tmp_path / "t")
    for number in range(4):
        table.overwrite(frame(number))
    store = Expiring(tmp_path / "t", temporary="t")
    report = Table(store=store).export(tmp_path / "t.tar")
    assert store.reads > 3
    assert report.versions == (4,)
    assert imported(tmp_path / "t.tar").read(output_as="arrow") == table.read(output_as="arrow")


@needs_mount
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """However little room there is, an export appears whole, or is refused and leaves nothing."""
    Table(tmp_path / "t").append(frame(1))
    run_together(
        [partial(on_small_disk, tmp_path / "disk", partial(export_with_little_room, tmp_path / "t"))]
    )


def export_with_little_room(table: Path, disk: Path) -> None:
    """Export with no room at all, then with a page more each time, until it is enough."""
    for pages in range(20):
        fill(disk, pages)
        try:
            Table(table).export(disk / "t.tar")
        except StorageError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - it may also have had room
            assert [path.name for path in disk.iterdir()] == ["filler"]
        else:
            assert pages > 2
            break
        (disk / "filler").unlink()
    with open_tar(disk / "t.tar") as tar:
        assert list(tar.list("data/"))


def test_the_store_in_it_is_only_read(exported: Path) -> None:
    """Nothing can be changed in a tar file."""
    with open_tar(exported) as tar:
        name = next(tar.list("data/"))
        for change in (
            lambda: tar.put("data/x", b""),
            lambda: tar.put_if_absent("data/x", b""),
            lambda: tar.open_write("data/x"),
            lambda: tar.delete([name]),
            lambda: tar.make_durable(name),
            lambda: tar.prune("data/"),
        ):
            with pytest.raises(InvalidInputError, match="can't be changed"):
                change()
        assert tar.read(name) == (exported.with_suffix("") / name).read_bytes()
        assert tar.look("") == ["_atio/", "data/"]
        with pytest.raises(NotFoundError):
            tar.read("data/nothing")
