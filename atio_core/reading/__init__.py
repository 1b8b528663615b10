"""What is read of a version, and in which form it is handed out."""

from typing import Literal

BATCH_ROWS = 1 << 16  # at most, in a batch; some MB

Output = Literal["pandas", "polars", "arrow", "batches", "lazy", "duckdb", "dataset"]
"""What a read gives: a library's frame, a `pyarrow.RecordBatchReader`, or what reads as much as a query needs."""

Verify = Literal["always", "never"]
"""When a read checks the digests of the bytes that it uses."""
