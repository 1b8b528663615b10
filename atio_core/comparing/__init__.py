"""What two versions of a table differ in: columns, files, rows, objects; and a table's changes, version by version."""
