from __future__ import annotations

import pytest

from atio_core.errors import DamagedError
from atio_core.format.digest import digest
from atio_core.format.seal import open_sealed, seal

DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000


def test_what_is_sealed_and_nested_without_end_is_damage() -> None:
    """A digest is no proof of who wrote an object: what Python can't take in is told as damage, too."""
    sealed = DEEP + b',"digest":"' + digest(DEEP).encode() + b'"}\n'
    with pytest.raises(DamagedError, match="the thing is damaged: it doesn't follow the format") as caught:
        open_sealed(sealed, dict, what="the thing", advice="mend it", kind="a thing", path="x")
    assert caught.value.facts["path"] == "x"


def test_what_belongs_elsewhere_is_damage() -> None:
    """An object that is whole, and not the one of its name, isn't read."""
    with pytest.raises(DamagedError, match=r"it isn't the one of this name; mend it$") as caught:
        open_sealed(seal({"a": 1}), lambda _: None, what="the thing", advice="mend it", kind="a thing")
    assert (caught.value.facts["expected"], caught.value.facts["found"]) == ("a thing", "something else")
