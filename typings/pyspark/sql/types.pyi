# Not every machine that checks types has pyspark: this is what we use of it.

from collections.abc import Iterator
from typing import Any

class StructField:
    name: str
    dataType: Any
    def __init__(self, name: str, dataType: Any, nullable: bool = ...) -> None: ...

class StructType:
    def __init__(self, fields: list[StructField]) -> None: ...
    def __iter__(self) -> Iterator[StructField]: ...

class LongType: ...
