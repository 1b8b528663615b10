"""What a file doesn't keep of what was written into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from atio_core.errors import NotPreservableError


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that is read back otherwise, or not at all. It prints as one line.

    Attributes:
        where: The column, index level or sheet: "column 'price'"; None for the whole.
        what: What happens to it.
    """

    where: str | None
    what: str

    def __str__(self) -> str:
        return self.what if self.where is None else f"{self.where}: {self.what}"


def refuse(where: str | None, what: str, advice: str) -> NoReturn:
    """Refuse to write what the format would change.

    Args:
        where: As in `Loss`.
        what: What it would do.
        advice: What to do instead.

    Raises:
        NotPreservableError: Always.
    """
    raise NotPreservableError(f"{Loss(where, what)}. {advice}. Nothing was written.")


def refuse_all(name: str, losses: Iterable[Loss]) -> None:
    """Refuse if anything is lost: what `strict=True` asks for.

    Args:
        name: The target's name.
        losses: Found beforehand.

    Raises:
        NotPreservableError: There are some.
    """
    said = "; ".join(str(loss) for loss in losses)
    if said:
        raise NotPreservableError(
            f"{name!r} can't keep all of it (strict=True): {said}. Nothing was written. Convert these first, write a "
            "format that keeps them (parquet), or drop strict=True."
        )
