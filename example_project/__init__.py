"""A pipeline over the flights that left New York City in 2013, with atio as its storage: something to copy from.

source.py        the feed that the data come from
raw.py           what the feed has delivered, as it came: each delivery is appended
cleaned.py       the flights, one row each: late rows replace earlier ones; published when the checks have passed
features.py      what was known of each departure: weather, plane, traffic
reports.py       two reports, one in pandas, one in polars, released with what they are made of
checks.py        what must hold of them
upkeep.py        jobs and schedules that expire, merge and verify the tables
definitions.py   puts it all together; `workspace.yaml` loads it
demo/            `make demo`: a tour on the command line
time_travel.py   reads what was, cell by cell
"""

import warnings

import dagster as dg

# Dagster calls `backfill_policy` a beta feature whenever it is used.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
