"""What keeps the tables small and whole, by night and by week, and what brings assets back."""

from atio_dagster import (
    build_expiration_job,
    build_expiration_schedule,
    build_maintenance_job,
    build_restore_job,
)

expire_tables = build_expiration_job()
expire_each_night = build_expiration_schedule(expire_tables, cron_schedule="0 4 * * *")

maintain_tables = build_maintenance_job()
maintain_each_week = build_expiration_schedule(maintain_tables, cron_schedule="0 5 * * 0")

restore_assets = build_restore_job()
