"""Writes the table of service types once more, from the panels' own documents, and compares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.services import CHOICES, LISTS, TYPES, Billing, rule_of

#: By type: what is sent with `service`, beside what is optional; what is billed; whether it can be dripped.
TABLE = {
    "Default": ("link quantity", "quantity", "drip"),
    "Package": ("link", "package", None),
    "Custom Comments": ("link comments", "lines of comments", None),
    "Custom Comments Package": ("link comments", "package", None),
    "Comment Replies": ("link username comments", "lines of comments", None),
    "Mentions": ("link quantity usernames", "quantity", None),
    "Mentions with Hashtags": ("link quantity usernames hashtags", "quantity", None),
    "Mentions Custom List": ("link usernames", "lines of usernames", None),
    "Mentions Hashtag": ("link quantity hashtag", "quantity", None),
    "Mentions User Followers": ("link quantity username", "quantity", None),
    "Mentions Media Likers": ("link quantity media", "quantity", None),
    "Comment Likes": ("link quantity username", "quantity", None),
    "Poll": ("link quantity answer_number", "quantity", None),
    "Invites from Groups": ("link quantity groups", "quantity", None),
    "SEO": ("link quantity keywords", "quantity", None),
    "Web Traffic": ("link quantity country device type_of_traffic", "quantity", "drip"),
    "Subscriptions": ("username min max", "what it spawns", None),
}


def _billed(rule):
    match rule.billing:
        case Billing.QUANTITY:
            return "quantity"
        case Billing.PACKAGE:
            return "package"
        case Billing.LINES:
            return f"lines of {rule.counted_list}"
        case Billing.SPAWNED:
            return "what it spawns"


def test_the_types_are_exactly_those_of_the_table():
    assert [rule.name for rule in TYPES] == list(TABLE)
    assert len(TABLE) == 17


@pytest.mark.parametrize("name", TABLE)
def test_a_type_asks_for_and_bills_what_the_table_says(name):
    sent, billed, drip = TABLE[name]
    rule = rule_of(name)
    asked = [*(["link"] if rule.takes_link else []), *(["quantity"] if rule.takes_quantity else []), *rule.required]
    assert asked == sent.split()
    assert _billed(rule) == billed
    assert rule.takes_drip_feed is (drip is not None)


def test_a_list_that_is_counted_is_a_list_and_required():
    counted = [rule for rule in TYPES if rule.counted_list is not None]
    assert {rule.billing for rule in counted} == {Billing.LINES}
    assert all(rule.counted_list in LISTS & set(rule.required) for rule in counted)


def test_lists_and_choices_are_those_of_the_document():
    assert {"comments", "usernames", "hashtags", "groups", "keywords"} == LISTS
    assert CHOICES == {"device": (1, 5), "type_of_traffic": (1, 3)}


SPELLINGS = [
    pytest.param(str.upper, id="upper"),
    pytest.param(str.lower, id="lower"),
    pytest.param(lambda name: name.replace(" ", "_").lower(), id="snake"),
    pytest.param(lambda name: name.replace(" ", "-"), id="hyphens"),
    pytest.param(lambda name: name.replace(" ", ""), id="joined"),
    pytest.param(lambda name: name.replace(" ", "  "), id="double spaces"),
    pytest.param(lambda name: f"\t{name} \r\n", id="spaces around"),
]


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("rule", TYPES, ids=lambda rule: rule.name)
def test_every_spelling(rule, spell):
    assert rule_of(spell(rule.name)) is rule


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("custom_comments", "Custom Comments"),
        ("Invites From Groups", "Invites from Groups"),
        ("Mentions Users Followers", "Mentions User Followers"),
        ("mentions_users_followers", "Mentions User Followers"),
        ("Website Traffic", "Web Traffic"),
        ("website-traffic", "Web Traffic"),
    ],
)
def test_spellings_that_the_document_names(said, meant):
    assert rule_of(said).name == meant


@pytest.mark.parametrize(
    "said",
    [None, "", " ", "_", "Defaults", "Custom", "Comments", "Package Deal", "12", "D\N{CYRILLIC SMALL LETTER IE}fault"],
)
def test_a_type_that_is_not_known_is_never_guessed_at(said):
    assert rule_of(said) is None


@given(st.text())
def test_any_text_is_a_type_of_the_table_or_none(said):
    rule = rule_of(said)
    assert rule is None or rule in TYPES
