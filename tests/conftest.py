"""What every run of the tests shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.support")

# No deadlines, no complaint about slowness: tests sync real files, on machines that have other work too.
# The same examples each time, so that a change is what makes a test fail; the soak looks for new ones, and many more.
settings.register_profile(
    "atio",
    deadline=None,
    derandomize=True,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", settings.get_profile("atio"), derandomize=False, max_examples=3000, stateful_step_count=100
)
settings.load_profile("atio")

# Child processes inherit both: nothing is sent anywhere, and nobody's own Dagster home is touched.
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
os.environ.pop("DAGSTER_HOME", None)
