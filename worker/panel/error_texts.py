"""Lists panels' error texts by the reason that they stand for (docs/panels.md). A new text is one more line here.

The patterns are regular expressions. They are searched in a text in lower case, with one space between two words.
"""

from collections.abc import Mapping

from worker.domain.orders.outcomes import Reason

_WRONG = r"(?:incorrect|invalid|wrong|bad|unknown|missing|empty|no such)"
_IS = r"(?:is |was |are |has been )?"
_INACTIVE = r"(?:inactive|not active|suspended|disabled|deactivated|blocked|banned)"
_GONE = r"(?:not found|not exists?|doesn'?t exist|does not exist|removed|deleted|incorrect|invalid)"

#: The first reason with a matching pattern counts. So texts about the whole panel come first, and "You have active
#: order with this link" comes before all other texts about links.
ERROR_TEXTS: Mapping[Reason, tuple[str, ...]] = {
    Reason.RATE_LIMITED: (
        r"too many (?:\w+ )?(?:requests|attempts|calls)",
        r"\brate limit",
        r"\brequests? limit",
        r"\bthrottl",
    ),
    Reason.NOT_ENOUGH_FUNDS: (
        r"\b(?:not enough|insufficient|no|low|lack of) (?:\w+ )?(?:funds?|balance|money|credits?)\b",
        rf"\b(?:balance|funds?) {_IS}(?:too low|not enough|insufficient|empty)\b",
    ),
    Reason.BAD_KEY: (
        rf"\b{_WRONG} (?:api ?)?(?:key|token)\b",
        rf"\b(?:api ?)?key {_IS}(?:{_GONE}|{_INACTIVE}|wrong|not valid|expired|required|missing)\b",
        # Only the caller's own account: "the Instagram account is suspended" is about a link.
        rf"(?:^|\byour )(?:(?:the|user|api) )*account {_IS}{_INACTIVE}\b",
        rf"^{_INACTIVE} (?:user|account)\b",
        rf"^user {_IS}{_INACTIVE}\b",
        rf"\bapi (?:access )?{_IS}{_INACTIVE}\b",
        r"\bunauthori[sz]ed\b",
        r"\bunauthenticated\b",
    ),
    Reason.LINK_BUSY: (
        r"\blink (?:is )?(?:duplicated?|busy)\b",
        r"\bduplicated? (?:link|order)\b",
        r"\b(?:active|another|an|unfinished|pending) orders? (?:\w+ ){0,3}(?:this|the|that|same) link\b",
        r"\bwait until (?:\w+ )?order\b",
        r"\blink (?:\w+ ){0,3}(?:already|in progress)\b",
    ),
    Reason.SERVICE_NOT_FOUND: (
        rf"\b{_WRONG} service\b",
        rf"\bservice (?:id )?{_IS}(?:{_GONE}|{_INACTIVE}|not available)\b",
        r"\binactive service\b",
    ),
    Reason.QUANTITY_REFUSED: (
        r"\bquantity\b",
        r"\b(?:less|lower|smaller) than (?:the )?min",
        r"\b(?:more|greater|higher|larger) than (?:the )?max",
        r"\bm(?:in|ax)(?:imum|imal)? (?:order )?(?:amount )?is\b",
    ),
    Reason.NOT_FOUND: (
        rf"\b{_WRONG} (?:order|refill)s?(?: ids?\b|$)",
        rf"\b(?:order|refill)s? (?:ids? )?{_IS}{_GONE}\b",
    ),
    Reason.LINK_REFUSED: (
        r"^neworder error link$",
        rf"\b{_WRONG} (?:\w+ )?(?:link|url)\b",
        rf"\b(?:link|url) (?:format )?{_IS}(?:{_GONE}|wrong|bad|not valid|not supported|required|empty)\b",
    ),
    Reason.BAD_REQUEST: (rf"\b{_WRONG} (?:request|action|method|parameters?)\b",),
}
