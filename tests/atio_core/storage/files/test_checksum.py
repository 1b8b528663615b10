import hashlib
import os
from pathlib import Path

import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.files.checksum import check_name, of_file


@pytest.mark.parametrize("name", ["sha256", "sha1", "md5", "blake2b", "sha3_512"])
def test_the_digest_of_a_file(tmp_path: Path, name: str) -> None:
    """The digest is that of the whole file, wherever its writer stands in it."""
    check_name(name)
    data = os.urandom(1_000_000)
    (tmp_path / "a").write_bytes(data)
    with (tmp_path / "a").open("rb") as file:
        file.seek(1000)
        assert of_file(file.fileno(), name) == f"{name}:{hashlib.new(name, data).hexdigest()}"


@pytest.mark.parametrize("name", ["crc32", "SHA256", "shake_128", "", None, True, ["sha256"]], ids=repr)
def test_another_algorithm_is_refused(name: object) -> None:
    """What not every Python has, or what has no length of its own, is refused, and the others are listed."""
    with pytest.raises(InvalidInputError, match=r"digest must be one of .*sha256"):
        check_name(name)
