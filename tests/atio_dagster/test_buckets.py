"""Tables of assets in a bucket."""

import dagster as dg
import pytest

from atio_dagster import AtioIOManager, AtioResource
from tests.atio_dagster import bucket_jobs
from tests.support.bucket_servers import KEY_ID, SECRET, BucketServer


@pytest.fixture
def store(moto: BucketServer, monkeypatch: pytest.MonkeyPatch) -> AtioResource:
    """A store in a bucket, which the job's processes find by their environment."""
    told = {"PLACE": moto.place(), "ENDPOINT": moto.endpoint, "KEY": KEY_ID, "SECRET": SECRET}
    for name, value in told.items():
        monkeypatch.setenv(f"ATIO_TEST_{name}", value)
    return AtioResource(base_path=told["PLACE"], storage_options=dict(moto.storage_options))


def test_steps_in_processes_share_a_bucket(store: AtioResource, real_instance: dg.DagsterInstance) -> None:
    """What a step stores there the next one reads, in its own process; nothing that Dagster keeps holds the secret."""
    with dg.execute_job(dg.reconstructable(bucket_jobs.in_processes), real_instance) as run:
        assert run.success
    assert store.table("down").read()["twice"].tolist() == [2, 4, 6]
    assert store.store.tables() == ["down", "up"]
    records = real_instance.all_logs(run.run_id)
    assert records
    assert SECRET not in "".join(map(repr, records))
    assert SECRET not in repr(real_instance.get_run_by_id(run.run_id))


def test_options_belong_to_a_path(store: AtioResource) -> None:
    """A manager's own options open its own path; a resource has its own; neither shows them."""
    manager = AtioIOManager(base_path=store.base_path, storage_options=store.storage_options)
    assert SECRET not in repr(manager) + repr(store)
    with pytest.raises(ValueError, match="belong to base_path"):
        AtioIOManager(resource=store, storage_options=store.storage_options)
