# Not every machine that checks types has pyspark: to the type checker, all of it is Any.

from typing import Any

def __getattr__(name: str) -> Any: ...
