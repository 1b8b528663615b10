"""A small pipeline over the flights that left New York City in 2013, with atio as its storage.

raw.py        the four source tables, as they came
cleaned.py    flights by month: a partitioned asset
reports.py    two reports that join them, one in pandas, one in polars
checks.py     what must hold of them
definitions.py   puts it all together; `workspace.yaml` loads it
demo/         `make demo`: a tour on the command line
"""

import warnings

import dagster as dg

# Dagster calls `backfill_policy` a beta feature whenever it is used.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
