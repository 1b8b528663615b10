"""What these tests share."""

from atio_core.testing import temporary_store as disk

__all__ = ["disk"]
