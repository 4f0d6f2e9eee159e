-- The roles, each with no more than it needs. Run it as a superuser in the database of the orders, before the first
-- `order-sync migrate`; again does no harm. It sets no passwords: \password order_sync_worker, and so on.
--
--   order_sync_owner     owns the tables; `order-sync migrate` connects as this one, and nobody else
--   order_sync_worker    `order-sync run`, and the commands that look, or settle what is there
--   order_sync_producer  a shop: inserts orders, refills and cancels, and sees what becomes of them
--   order_sync_operator  a person: both of these, for `order-sync orders add`, `cancel` and `refill`
--   order_sync_reader    reports: sees all, changes nothing
--
-- A second shop: CREATE ROLE other_shop LOGIN IN ROLE order_sync_producer;
-- What they may do with the tables is in grants.sql, which is for after each migration.

BEGIN;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'order_sync_owner', 'order_sync_worker', 'order_sync_producer', 'order_sync_operator', 'order_sync_reader'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role_name);
    END LOOP;
END $$;

GRANT USAGE, CREATE ON SCHEMA public TO order_sync_owner;
GRANT USAGE ON SCHEMA public TO order_sync_worker, order_sync_producer, order_sync_reader;
GRANT order_sync_worker, order_sync_producer TO order_sync_operator;

-- The worker asks for these by itself. Through a pooler it can't, so there they are the role's.
ALTER ROLE order_sync_worker SET statement_timeout = '30s';
ALTER ROLE order_sync_worker SET lock_timeout = '10s';
ALTER ROLE order_sync_worker SET idle_in_transaction_session_timeout = '30s';
-- An intent has to be on disk before its call: never switch this off for the worker.
ALTER ROLE order_sync_worker SET synchronous_commit = 'on';

-- A migration that waits for a table has everybody else wait behind it.
ALTER ROLE order_sync_owner SET lock_timeout = '5s';

-- A shop that leaves a transaction open, or a report without an end, must not hold up the work.
ALTER ROLE order_sync_producer SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE order_sync_reader SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE order_sync_reader SET statement_timeout = '5min';
ALTER ROLE order_sync_reader SET default_transaction_read_only = 'on';

COMMIT;
