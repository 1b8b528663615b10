"""What was known when: a notebook's cells, for any editor that knows `# %%`, or as a script.

    python -m example_project.time_travel

It reads what `make demo` has left.
"""

# %% The store that the pipeline writes to. No Dagster is needed to read it.
import pandas as pd

import atio_core as atio
from example_project.cleaned import FLIGHT
from example_project.settings import TABLES

store = atio.Store(TABLES)
print("\n".join(store.tables()))

# %% A table's history, the newest first. Each version tells which run made it.
flights = store.table("cleaned/flights")
versions = flights.history()
for snapshot in versions:
    run = snapshot.properties["dagster/run_id"][:8]
    print(f"version {snapshot.version:>3}  {snapshot.time:%H:%M:%S}  {snapshot.rows:>7,} rows  run {run}")

# %% Read an old version: by its number, or as of a time.
before = flights.read(version=versions[-1].version, columns=["date", "on_time"])
same = flights.read(version=versions[-1].time, columns=["date", "on_time"])
print("the same rows:", before.equals(same))
print(f"{len(before):,} flights were known then, up to {before['date'].max():%d %B}")

# %% Read just some days, and some columns: the other days' files aren't opened.
[day] = flights.read(filter=[("date", "==", pd.Timestamp("2013-04-01"))], columns=["date"])["date"].unique()
print(f"one day: {day:%d %B}")

# %% What did a run change? The difference of two versions, row by row.
diff = flights.diff(versions[1].version, versions[0].version, FLIGHT)
print(
    f"the last run: {diff.rows_added:,} flights added, {diff.rows_removed} removed, {diff.rows_changed} changed"
)

# %% All tables as one run left them: a release. Two reports of one release always fit together.
release = store.releases()[-1]
then = store.at(release.name)
counted = int(then.read("reports/airlines")["flights"].sum())
in_features = len(then.read("features/departures", columns=["carrier"]))
print(
    f"release of run {release.name[:8]}: {counted:,} flights in the report, {in_features:,} in the features"
)

# %% How a report has changed since: the airlines that gained the most.
columns = ["name", "on_time"]
now = store.table("reports/airlines").read(columns=columns).set_index("name")
gained = now["on_time"] - then.read("reports/airlines", columns=columns).set_index("name")["on_time"]
print((gained.sort_values(ascending=False).head(3) * 100).round(2).to_string())
