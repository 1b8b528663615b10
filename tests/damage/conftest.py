"""What these tests share."""

from tests.support.disks import disk

__all__ = ["disk"]
