"""What is read of a version, and in which form it is handed out."""

BATCH_ROWS = 1 << 16  # at most, in a batch; some MB
