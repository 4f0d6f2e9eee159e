-- Run this after a restore, before any worker starts: no worker will then send an order again that a worker may have
-- bought since the backup.
--
--   psql -X -v ON_ERROR_STOP=1 -v restored_to='2026-11-24 10:00:00+00' -v stopped_at='2026-11-24 10:20:00+00' \
--        -f after-restore.sql "$OWNER_DATABASE_URL"
--
-- restored_to: the time up to which the restored database knows what happened. Rather too early than too late.
-- stopped_at: the time at which the last worker had stopped. Rather too late than too early.
-- docs/operating/database.md, "After a restore", lists the steps before and after.

BEGIN;

SELECT
    set_config('order_sync.restored_to', :'restored_to', true),
    set_config('order_sync.stopped_at', :'stopped_at', true);

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
        RAISE 'a worker is connected: stop it first; the results that it still holds belong to the lost database';
    END IF;
END $$;

LOCK TABLE orders, submissions;

-- The lost database gave out further ids: here they would name other rows, and consumers of events have seen them.
-- So all sequences skip ahead.
SELECT setval(sequence, nextval(sequence) + 1000000)
FROM (VALUES
    ('orders'), ('refills'), ('cancels'), ('order_events'), ('submissions'), ('service_changes'), ('balances')
) AS tables(name), pg_get_serial_sequence(name, 'id') AS sequence;

UPDATE workers SET ended_at = now() WHERE ended_at IS NULL;

UPDATE submissions SET outcome = 'lease_ended', ended_at = greatest(began_at, :'stopped_at')
WHERE outcome IS NULL;

-- What panels bill for each type of service, as worker/domain/orders/services.py has it: `quantity` at a price per
-- 1,000, times the runs of a drip-feed; the entries of a `list` at a price per 1,000; a package at its own price; or
-- the orders that it spawns, which nobody can price beforehand. A test compares the results
-- (tests/deploy/test_restore.py).
CREATE TEMPORARY TABLE billing ON COMMIT DROP AS
SELECT unnest(types) AS type, billed, list
FROM (VALUES
    ('quantity', NULL, ARRAY[
        'default', 'mentions', 'mentionswithhashtags', 'mentionshashtag', 'mentionsuserfollowers',
        'mentionsusersfollowers', 'mentionsmedialikers', 'commentlikes', 'commentlike', 'poll', 'invitesfromgroups',
        'seo', 'webtraffic', 'websitetraffic'
    ]),
    ('list', 'comments', ARRAY['customcomments', 'commentreplies', 'commentreply']),
    ('list', 'usernames', ARRAY['mentionscustomlist']),
    ('package', NULL, ARRAY['package', 'customcommentspackage']),
    ('spawned', NULL, ARRAY['subscriptions', 'subscription'])
) AS bills(billed, list, types);

-- Counts the entries of a list in `params`, an array or a text with one entry a line, without the blank ones. It spells
-- out white space, since what Postgres takes for it depends on the database's locale.
CREATE OR REPLACE FUNCTION pg_temp.entries(list jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*)
    FROM (
        SELECT jsonb_array_elements_text(CASE jsonb_typeof(list) WHEN 'array' THEN list ELSE '[]' END) AS entry
        UNION ALL
        SELECT regexp_split_to_table(
            CASE WHEN jsonb_typeof(list) <> 'array' THEN list #>> '{}' END,
            E'[\n\u000b\f\r\u001c\u001d\u001e\u0085\u2028\u2029]'
        )
    ) AS entries
    WHERE btrim(entry, E' \t\n\u000b\f\r\u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
        '\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> ''
$$;

-- A worker may have bought every open order meanwhile: also one that was unconfirmed, then proven absent and sent
-- again, and one that the shop has put back. Workers send no order that waits for its cancel, or whose time is still to
-- come.
CREATE TEMPORARY TABLE in_doubt ON COMMIT DROP AS
SELECT o.id, o.panel, o.state, o.runs, s.rate, b.billed,
    CASE b.billed WHEN 'quantity' THEN o.quantity WHEN 'list' THEN pg_temp.entries(o.params -> b.list) END AS units,
    CASE WHEN o.state = 'pending' THEN :'restored_to' ELSE least(:'restored_to', n.began_at) END AS since
FROM orders o
LEFT JOIN services s ON s.panel = o.panel AND s.service = o.service
LEFT JOIN billing b ON b.type = regexp_replace(lower(s.type), '[\s_-]', '', 'g')
LEFT JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) n ON true
WHERE o.state IN ('submitting', 'unconfirmed')
    OR (
        o.state = 'pending' AND o.not_before <= now()
        AND NOT EXISTS (SELECT FROM cancels c WHERE c.order_id = o.id AND c.state = 'pending')
    );

-- The evidence begins with a call whose outcome nobody knows. Where the charge is null, it leaves the order to a
-- person.
INSERT INTO submissions
    (order_id, panel, worker_id, began_at, ended_at, expected_charge, units, is_parent, outcome)
SELECT
    id, panel, '00000000-0000-0000-0000-000000000000', since, :'stopped_at',
    CASE WHEN billed = 'package' THEN rate ELSE rate * units * coalesce(runs, 1) * 0.001 END,
    CASE WHEN runs IS NULL THEN units END,
    runs IS NOT NULL OR coalesce(billed = 'spawned', false),
    'lease_ended'
FROM in_doubt
ORDER BY id;

DELETE FROM examinations WHERE order_id IN (SELECT id FROM in_doubt);

-- What the panel answered about its ids, and what orders cost, stays true. But rows may be missing, whose panel orders
-- would pass for those of orders in doubt: the evidence searches for panel orders that are nobody's before it settles
-- anything.
UPDATE guards SET searched_at = NULL, worker_id = NULL, examined_until = NULL;

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
