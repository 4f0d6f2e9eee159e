"""Which reason a panel's error text stands for (CONTRIBUTING.md, "What panels do")."""

import re
from functools import lru_cache

from worker.domain.orders.outcomes import Reason

_SEPARATORS = re.compile(r"[\s._\-]+")

_WRONG = r"(?:incorrect|invalid|wrong|bad|unknown|missing|empty|no such)"
_IS = r"(?:is |was |are |has been )?"
_INACTIVE = r"(?:inactive|not active|suspended|disabled|deactivated|blocked|banned)"
_GONE = r"(?:not found|not exists?|doesn'?t exist|does not exist|removed|deleted|incorrect|invalid)"

#: Tried from top to bottom: what is true of the whole panel comes first, and "You have active order with this link"
#: before all else that speaks of links.
_TEXTS: tuple[tuple[Reason, re.Pattern[str]], ...] = tuple(
    (reason, re.compile("|".join(alternatives)))
    for reason, alternatives in (
        (
            Reason.RATE_LIMITED,
            (r"too many (?:\w+ )?(?:requests|attempts|calls)", r"\brate limit", r"\brequests? limit", r"\bthrottl"),
        ),
        (
            Reason.NOT_ENOUGH_FUNDS,
            (
                r"\b(?:not enough|insufficient|no|low|lack of) (?:\w+ )?(?:funds?|balance|money|credits?)\b",
                rf"\b(?:balance|funds?) {_IS}(?:too low|not enough|insufficient|empty)\b",
            ),
        ),
        (
            Reason.BAD_KEY,
            (
                rf"\b{_WRONG} (?:api ?)?(?:key|token)\b",
                rf"\b(?:api ?)?key {_IS}(?:{_GONE}|{_INACTIVE}|wrong|not valid|expired|required|missing)\b",
                # Only the caller's own account: "the Instagram account is suspended" speaks of a link.
                rf"(?:^|\byour )(?:(?:the|user|api) )*account {_IS}{_INACTIVE}\b",
                rf"^{_INACTIVE} (?:user|account)\b",
                rf"^user {_IS}{_INACTIVE}\b",
                rf"\bapi (?:access )?{_IS}{_INACTIVE}\b",
                r"\bunauthori[sz]ed\b",
                r"\bunauthenticated\b",
            ),
        ),
        (
            Reason.LINK_BUSY,
            (
                r"\blink (?:is )?(?:duplicated?|busy)\b",
                r"\bduplicated? (?:link|order)\b",
                r"\b(?:active|another|an|unfinished|pending) orders? (?:\w+ ){0,3}(?:this|the|that|same) link\b",
                r"\bwait until (?:\w+ )?order\b",
                r"\blink (?:\w+ ){0,3}(?:already|in progress)\b",
            ),
        ),
        (
            Reason.SERVICE_NOT_FOUND,
            (
                rf"\b{_WRONG} service\b",
                rf"\bservice (?:id )?{_IS}(?:{_GONE}|{_INACTIVE}|not available)\b",
                r"\binactive service\b",
            ),
        ),
        (
            Reason.QUANTITY_REFUSED,
            (
                r"\bquantity\b",
                r"\b(?:less|lower|smaller) than (?:the )?min",
                r"\b(?:more|greater|higher|larger) than (?:the )?max",
                r"\bm(?:in|ax)(?:imum|imal)? (?:order )?(?:amount )?is\b",
            ),
        ),
        (
            Reason.NOT_FOUND,
            (
                rf"\b{_WRONG} (?:order|refill)s?(?: ids?\b|$)",
                rf"\b(?:order|refill)s? (?:ids? )?{_IS}{_GONE}\b",
            ),
        ),
        (
            Reason.LINK_REFUSED,
            (
                r"^neworder error link$",
                rf"\b{_WRONG} (?:\w+ )?(?:link|url)\b",
                rf"\b(?:link|url) (?:format )?{_IS}(?:{_GONE}|wrong|bad|not valid|not supported|required|empty)\b",
            ),
        ),
        (Reason.BAD_REQUEST, (rf"\b{_WRONG} (?:request|action|method|parameters?)\b",)),
    )
)


@lru_cache(maxsize=1024)  # statuses pass through here too, and those are few
def reason_of(text: str) -> Reason:
    """The reason that a panel's words stand for; `Reason.REFUSED` for words that aren't known, in any language.

    Case, and whether words are parted by spaces, `.`, `_` or `-`, makes no difference.
    """
    plain = _SEPARATORS.sub(" ", text.casefold()).strip()
    for reason, pattern in _TEXTS:
        if pattern.search(plain):
            return reason
    return Reason.REFUSED
