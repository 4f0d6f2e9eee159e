"""Tests how accounts are told apart: by address and key, and by what was noted of them."""

import pytest

from worker.domain.accounts import Account, Changed, Fingerprint, Known, New, Noted, has_key_in_query, identify

URL = "https://panel.example/api/v2"
ONE, OTHER = Account.at(URL, "one-key"), Account.at(URL, "other-key")


def noted(panel, number, account):
    return Noted(panel, number, Fingerprint.of(account))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (URL, URL),
        ("HTTPS://Panel.Example./api/v2/", URL),
        ("https://panel.example:443/api/v2?lang=en#top", URL),
        ("http://panel.example:80", "http://panel.example"),
        ("http://panel.example:443/", "http://panel.example:443"),
        ("http://[::1]:8080/api/v2", "http://[::1]:8080/api/v2"),
        ("https://panel.example/API", "https://panel.example/API"),
    ],
)
def test_an_address_is_written_in_one_way(url, address):
    assert Account.at(url, "one-key").address == address


def test_the_same_place_and_key_are_one_account():
    assert ONE.is_same_as(Account.at("http://panel.example:80/api/v2/", "one-key"))
    assert not ONE.is_same_as(OTHER)
    assert not ONE.is_same_as(Account.at("https://panel.example:8443/api/v2", "one-key"))


def test_an_account_does_not_show_its_key():
    assert "one-key" not in repr(ONE)


def test_a_fingerprint_fits_its_account_alone_and_never_repeats():
    first, second = Fingerprint.of(ONE), Fingerprint.of(ONE)
    assert first.fits(Account.at("http://panel.example/api/v2", "one-key"))
    assert not first.fits(OTHER)
    assert not first.fits(Account.at("https://panel.example/api/v3", "one-key"))
    assert {first.salt, first.key_hash}.isdisjoint({second.salt, second.key_hash})
    assert "one-key" not in repr(first)


@pytest.mark.parametrize(
    ("query", "has_one"),
    [
        ("key=x", True),
        ("a=1&API_KEY=x", True),
        ("apikey=x", True),
        ("api-key=", True),
        ("token=x", True),
        ("", False),
        ("keyword=x", False),
        ("route=api/key", False),
    ],
)
def test_a_key_in_an_address_is_found(query, has_one):
    assert has_key_in_query(f"{URL}?{query}") is has_one


class TestIdentify:
    def test_a_name_that_nobody_has_noted(self):
        assert identify("shop", ONE, []) == New(None)
        assert identify("shop", ONE, [noted("default", 1, OTHER)]) == New(None)

    def test_a_new_name_for_an_account_that_had_another(self):
        assert identify("shop", ONE, [noted("default", 1, OTHER), noted("default", 2, ONE)]) == New(2)

    def test_the_account_that_was_noted_last(self):
        assert identify("shop", ONE, [noted("shop", 1, ONE)]) == Known(1)

    def test_an_older_key_of_the_same_account(self):
        assert identify("shop", ONE, [noted("shop", 1, ONE), noted("shop", 1, OTHER)]) == Known(1)

    def test_a_key_that_another_name_of_the_same_account_got(self):
        assert identify("shop", OTHER, [noted("shop", 1, ONE), noted("default", 1, OTHER)]) == Known(1)

    def test_another_key(self):
        assert identify("shop", OTHER, [noted("shop", 1, ONE)]) == Changed(1, URL, None)

    def test_the_account_of_another_panel(self):
        other = noted("default", 2, OTHER)
        assert identify("shop", OTHER, [noted("shop", 1, ONE), other]) == Changed(1, URL, other)

    def test_an_account_that_the_name_has_left(self):
        assert identify("shop", ONE, [noted("shop", 1, ONE), noted("shop", 2, OTHER)]) == Changed(2, URL, None)
