from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_core.errors import InvalidInputError
from atio_core.store import Release
from atio_dagster import AtioResource, build_expiration_job
from atio_dagster.old_releases import message_of_run, old_releases

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def made(*minutes: int, by_hand: tuple[int, ...] = ()) -> list[Release]:
    """Releases made so many minutes after noon, the newest first."""
    return [
        Release(
            number,
            f"r{number}",
            {},
            int((NOON + timedelta(minutes=number)).timestamp() * 1_000_000),
            None if number in by_hand else message_of_run(f"r{number}"),
        )
        for number in sorted(minutes, reverse=True)
    ]


@pytest.mark.parametrize(
    ("releases", "keep", "since", "going"),
    [
        (made(1, 2, 3, 4), 2, 9, ["r2", "r1"]),
        (made(1, 2, 3, 4), 9, 9, []),
        (made(1, 2, 3, 4), 1, 3, ["r1"]),  # r2 was the latest until the third minute
        (made(1, 2, 3, 4), 1, 0, []),
        (made(1, 2, 3, 4, by_hand=(1, 4)), 1, 9, ["r2"]),
        ([], 1, 9, []),
    ],
    ids=["older", "few", "read", "read from the first", "by hand", "none"],
)
def test_which_go(releases: list[Release], keep: int, since: int, going: list[str]) -> None:
    """The newest stay, and those of people, and what a run in progress may have found as the latest."""
    found = old_releases(releases, keep, NOON + timedelta(minutes=since))
    assert [one.name for one in found] == going


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_expiration_job_drops_them(
    store: AtioResource, instance: dg.DagsterInstance, *, dry_run: bool
) -> None:
    """Older releases of runs go with an expiry, and what only they named goes with them; a dry run only tells."""
    for number in range(4):
        store.table("a").overwrite(pd.DataFrame({"n": [number]}))
        name = f"run-{number}"
        store.store.create_release(name, ["a"], message=message_of_run(name))
    store.store.create_release("mine", {"a": 1})
    atio = AtioResource(base_path=store.base_path, keep_last=1, keep_releases=2)
    job = dg.Definitions(jobs=[build_expiration_job()], resources={"atio": atio}).resolve_job_def(
        "expire_tables"
    )
    config: Any = {"ops": {"expire": {"config": {"dry_run": dry_run}}}}
    # The newest is the latest at any time since the job began: of the others, one more is kept.
    result = job.execute_in_process(instance=instance, run_config=config)
    assert result.success
    names = [one.name for one in store.store.releases()]
    assert names == (["mine", "run-3", "run-2", "run-1", "run-0"] if dry_run else ["mine", "run-3", "run-2"])
    assert len(store.table("a").history()) == (4 if dry_run else 3)
    [told] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    assert told.step_output_data.metadata["releases_dropped"].value == 2


def test_a_number_that_makes_no_sense_is_refused(store: AtioResource) -> None:
    """To keep no release would drop the one that readers go by."""
    with pytest.raises(InvalidInputError, match="keep_releases"):
        _ = AtioResource(base_path=store.base_path, keep_releases=0).releases_kept
