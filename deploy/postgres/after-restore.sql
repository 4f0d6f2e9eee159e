-- After a restore, before any worker starts: no order that may have been bought since the backup is sent again.
--
--   psql -X -v ON_ERROR_STOP=1 -v restored_to='2026-11-24 10:00:00+00' -v stopped_at='2026-11-24 10:20:00+00' \
--        -f after-restore.sql "$OWNER_DATABASE_URL"
--
-- restored_to: the time up to which the database knows what happened; too early is safe, too late isn't.
-- stopped_at: when the last worker had stopped; too late is safe, too early isn't.
-- docs/operating/database.md, "After a restore", says what comes before and after.

BEGIN;

SELECT set_config('order_sync.restored_to', :'restored_to', true), set_config('order_sync.stopped_at', :'stopped_at', true);

DO $$
DECLARE
    restored_to timestamptz := current_setting('order_sync.restored_to');
    stopped_at timestamptz := current_setting('order_sync.stopped_at');
BEGIN
    IF restored_to > stopped_at OR stopped_at > clock_timestamp() THEN
        RAISE 'restored_to must come before stopped_at, and that before now';
    END IF;
    IF EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'order-sync' AND pid <> pg_backend_pid()
    ) THEN
        RAISE 'a worker is connected: stop it first; what it still has in hand belongs to the database that was';
    END IF;
END $$;

LOCK TABLE orders, submissions;

-- Ids that were given out after the backup mean other rows now; a consumer of events has seen higher ones than these.
SELECT setval(sequence, nextval(sequence) + 1000000)
FROM unnest(ARRAY['orders', 'refills', 'cancels', 'order_events', 'submissions', 'service_changes', 'balances']) AS name,
    pg_get_serial_sequence(name, 'id') AS sequence;

UPDATE workers SET ended_at = now() WHERE ended_at IS NULL;

UPDATE submissions SET outcome = 'lease_ended', ended_at = greatest(began_at, :'stopped_at')
WHERE outcome IS NULL;

-- Whatever was open may have been bought meanwhile: also what was unconfirmed, proven absent, and sent again; and what
-- the shop has put back. An order that waits for its cancel isn't sent, nor one before its time.
CREATE TEMPORARY TABLE in_doubt ON COMMIT DROP AS
SELECT o.id, o.panel, o.state, o.quantity, o.runs, s.rate, s.type,
    CASE WHEN o.state = 'pending' THEN :'restored_to' ELSE least(:'restored_to', n.began_at) END AS since
FROM orders o
LEFT JOIN services s ON s.panel = o.panel AND s.service = o.service
LEFT JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) n ON true
WHERE o.state IN ('submitting', 'unconfirmed')
    OR (
        o.state = 'pending' AND o.not_before <= now()
        AND NOT EXISTS (SELECT FROM cancels c WHERE c.order_id = o.id AND c.state = 'pending')
    );

-- A call of which nobody knows what came, for the evidence to begin with. Where the charge isn't plain, it is left to
-- a person.
INSERT INTO submissions
    (order_id, panel, worker_id, began_at, ended_at, expected_charge, units, is_parent, outcome)
SELECT
    id, panel, '00000000-0000-0000-0000-000000000000', since, :'stopped_at',
    CASE
        WHEN quantity IS NOT NULL THEN rate * quantity * coalesce(runs, 1) / 1000
        WHEN type ILIKE '%package%' THEN rate
    END,
    CASE WHEN runs IS NULL THEN quantity END,
    runs IS NOT NULL OR coalesce(type ILIKE 'subscription%', false),
    'lease_ended'
FROM in_doubt
ORDER BY id;

DELETE FROM examinations WHERE order_id IN (SELECT id FROM in_doubt);

UPDATE orders SET
    state = 'unconfirmed', error_code = 'worker_lost', error = 'restored from a backup: it may have been sent since',
    retry_at = NULL, updated_at = now()
WHERE id IN (SELECT id FROM in_doubt);

INSERT INTO order_events (order_id, kind, state_before, state_after, detail)
SELECT id, 'unconfirmed', state, 'unconfirmed', jsonb_build_object(
    'error_code', 'worker_lost', 'error', 'restored from a backup: it may have been sent since',
    'restored_to', :'restored_to', 'stopped_at', :'stopped_at'
)
FROM in_doubt
ORDER BY id;

SELECT state AS was, count(*) AS now_unconfirmed FROM in_doubt GROUP BY state ORDER BY state;

COMMIT;
