-- Makes the roles, each with no more rights than it needs. Run it as a superuser in the database of the orders, before
-- the first `order-sync migrate`; you can repeat it. It sets no passwords: use \password order_sync_worker, and so on.
--
--   order_sync_owner     owns the tables; only `order-sync migrate` connects as this role
--   order_sync_worker    runs `order-sync run`, and the commands that read orders or settle them
--   order_sync_producer  a shop: inserts orders, refills and cancels, and reads what becomes of them
--   order_sync_operator  a person: has the rights of both, for `order-sync orders add`, `cancel` and `refill`
--   order_sync_reader    reports: reads everything, changes nothing
--
-- A second shop: CREATE ROLE other_shop LOGIN IN ROLE order_sync_producer;
-- grants.sql gives the roles their rights on the tables; run it after each migration.

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

-- A worker sets these for its own sessions. Through a pooler it can't, so the role has them too.
ALTER ROLE order_sync_worker SET statement_timeout = '30s';
ALTER ROLE order_sync_worker SET lock_timeout = '10s';
ALTER ROLE order_sync_worker SET idle_in_transaction_session_timeout = '30s';
-- The intent to send an order must be on disk before the call: never switch this off for the worker.
ALTER ROLE order_sync_worker SET synchronous_commit = 'on';

-- While a migration waits for a table, everybody else waits behind it.
ALTER ROLE order_sync_owner SET lock_timeout = '5s';

-- A shop that leaves a transaction open, or a report that never ends, must not hold up the worker.
ALTER ROLE order_sync_producer SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE order_sync_reader SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE order_sync_reader SET statement_timeout = '5min';
ALTER ROLE order_sync_reader SET default_transaction_read_only = 'on';

COMMIT;
