"""Tests how often a worker warns of replies that nobody can read."""

from structlog.testing import capture_logs

from worker.jobs.machinery.unread import EVERY, UnreadReplies


def test_each_action_is_warned_of_once_in_a_while() -> None:
    now, samples = [0.0], []

    def sample() -> str:
        samples.append(now[0])
        return "<html>"

    unread = UnreadReplies("shop", lambda: now[0])
    with capture_logs() as logged:
        for now[0] in (0.0, EVERY - 1, EVERY):
            unread("status", "a page", sample)
            unread("balance", "a page", sample)
    assert [(line["action"], line["sample"]) for line in logged] == [("status", "<html>"), ("balance", "<html>")] * 2
    assert logged[0] == {
        "event": "reply_not_read",
        "log_level": "warning",
        "panel": "shop",
        "action": "status",
        "error": "a page",
        "sample": "<html>",
    }
    assert samples == [0.0, 0.0, EVERY, EVERY]
