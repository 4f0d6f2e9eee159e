-- Grants each role its rights. Run it as order_sync_owner after each `order-sync migrate`; you can repeat it.

BEGIN;

REVOKE ALL ON
    orders, refills, cancels,
    order_events, services, service_changes, balances, audits,
    workers, accounts, submissions, polls, paces, budgets, pauses, panel_abilities, periodic_jobs,
    examinations, sightings, asked_ids, prices, catalogue_readings, guards,
    order_events_archive, submissions_archive, order_events_all, submissions_all,
    alembic_version
FROM PUBLIC, order_sync_worker, order_sync_producer, order_sync_reader;

REVOKE ALL ON FUNCTION order_sync_archive FROM PUBLIC, order_sync_worker, order_sync_producer, order_sync_reader;

-- The worker. It can't change the columns in which producers ask for orders, and nobody can change history.

GRANT SELECT ON orders, refills, cancels TO order_sync_worker;

GRANT UPDATE (
    state, panel_order_id, panel_status, charge, currency, start_count, remains, error_code, error, attempts,
    submitted_at, checked_at, finished_at, updated_at, retry_at
) ON orders TO order_sync_worker;

GRANT UPDATE (
    state, panel_refill_id, panel_status, error_code, error, submitted_at, checked_at, finished_at, updated_at, due_at
) ON refills TO order_sync_worker;

GRANT UPDATE (state, error_code, error, finished_at, updated_at, due_at) ON cancels TO order_sync_worker;

GRANT SELECT, INSERT ON order_events, service_changes, balances, audits TO order_sync_worker;

GRANT SELECT, INSERT, UPDATE ON services, workers, accounts, submissions, paces, budgets, periodic_jobs TO order_sync_worker;

GRANT DELETE ON workers TO order_sync_worker;

-- The worker can move history to the archive, and nowhere else.
GRANT SELECT ON order_events_archive, submissions_archive, order_events_all, submissions_all TO order_sync_worker;

GRANT EXECUTE ON FUNCTION order_sync_archive TO order_sync_worker;

GRANT SELECT, INSERT, UPDATE, DELETE ON polls, pauses, panel_abilities, examinations, sightings, asked_ids
TO order_sync_worker;

GRANT SELECT, INSERT, DELETE ON prices, catalogue_readings TO order_sync_worker;

GRANT SELECT, INSERT, UPDATE ON guards TO order_sync_worker;

GRANT SELECT ON alembic_version TO order_sync_worker;

-- A producer. It inserts orders with its own columns, and reads what became of them.

GRANT INSERT (
    panel, service, link, quantity, runs, interval_minutes, params, reference, priority, not_before, max_charge
) ON orders TO order_sync_producer;

GRANT INSERT (order_id, reference) ON refills, cancels TO order_sync_producer;

GRANT SELECT ON
    orders, refills, cancels, order_events, order_events_archive, order_events_all, services, service_changes
TO order_sync_producer;

-- A reader. It reads everything.

GRANT SELECT ON
    orders, refills, cancels,
    order_events, services, service_changes, balances, audits,
    workers, accounts, submissions, polls, paces, budgets, pauses, panel_abilities, periodic_jobs,
    examinations, sightings, asked_ids, prices, catalogue_readings, guards,
    order_events_archive, submissions_archive, order_events_all, submissions_all,
    alembic_version
TO order_sync_reader;

COMMIT;
