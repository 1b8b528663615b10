"""A job whose steps run in processes of their own and keep their tables in a bucket.

ATIO_TEST_PLACE is the URL of the store, and ATIO_TEST_ENDPOINT where the service is; ATIO_TEST_KEY and
ATIO_TEST_SECRET are its credentials.
"""

import dagster as dg
import pandas as pd

from atio_dagster import AtioIOManager, AtioResource


@dg.asset
def up() -> pd.DataFrame:
    """Three rows."""
    return pd.DataFrame({"n": [1, 2, 3]})


@dg.asset(metadata={"atio/mode": "append"})
def down(up: pd.DataFrame) -> pd.DataFrame:
    """The same rows, and a column."""
    return up.assign(twice=up["n"] * 2)


def resource() -> AtioResource:
    """Where the tables lie."""
    return AtioResource(
        base_path=dg.EnvVar("ATIO_TEST_PLACE"),
        storage_options={
            "endpoint": dg.EnvVar("ATIO_TEST_ENDPOINT"),
            "region": "us-east-1",
            "access_key_id": dg.EnvVar("ATIO_TEST_KEY"),
            "secret_access_key": dg.EnvVar("ATIO_TEST_SECRET"),
        },
    )


def in_processes() -> dg.JobDefinition:
    """Both assets, each in a process of its own."""
    job = dg.define_asset_job("in_processes", executor_def=dg.multiprocess_executor)
    resources = {"io_manager": AtioIOManager(resource=resource())}
    return dg.Definitions(assets=[up, down], jobs=[job], resources=resources).resolve_job_def("in_processes")
