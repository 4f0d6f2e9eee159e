"""Posts every change of an order to a webhook, in order, and repeats each until the receiver takes it.

    export ORDER_SYNC_DATABASE_URL=postgresql://shop@localhost/shop
    export WEBHOOK_URL=https://shop.example/hooks/orders
    python deploy/consumers/webhook.py

Its database user needs SELECT on `orders` and `order_events`, and a table `order_sync_bookmarks` that it may read and
write; if it has the right, the program makes the table. It posts an event again if it dies between the answer and the
bookmark: the receiver recognizes the event by the header `Idempotency-Key`.
"""

import json
import logging
import os
import sys
import time
from http.client import HTTPException
from urllib.request import HTTPRedirectHandler, Request, build_opener

import psycopg

from worker.events import Bookmark, Event, follow

#: Seconds to wait for an answer, and before the next try: each wait is twice the one before, up to the longest.
TIMEOUT = 10.0
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0

log = logging.getLogger("webhook")


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follows no redirect: the POST would arrive elsewhere as a GET, without the event."""


http = build_opener(_NoRedirects)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    webhook = os.environ["WEBHOOK_URL"]
    if not webhook.startswith(("https://", "http://")):
        sys.exit("WEBHOOK_URL must begin with https:// or http://")
    wait = FIRST_WAIT
    while True:
        try:
            with psycopg.connect(os.environ["ORDER_SYNC_DATABASE_URL"], autocommit=True) as connection:
                bookmark = Bookmark(connection, "webhook")
                for event in follow(connection, after=bookmark.position):
                    deliver(webhook, event)
                    bookmark.move(event.id)
                    wait = FIRST_WAIT
        except psycopg.OperationalError as error:
            log.warning("the database is away: %s", str(error).strip())
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)


def deliver(webhook: str, event: Event) -> None:
    """Returns once the receiver has taken the event: a later event must not overtake it."""
    request = Request(  # noqa: S310 - `main` has checked the scheme
        webhook,
        data=json.dumps(event.plain()).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": f"order-sync-{event.id}"},
    )
    wait = FIRST_WAIT
    while True:
        try:
            with http.open(request, timeout=TIMEOUT):  # any answer but 2xx raises
                log.info("event %s: taken", event.id)
                return
        except (OSError, HTTPException) as error:
            log.warning("event %s: %s; tried again in %g s", event.id, error, wait)
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
