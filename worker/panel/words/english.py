"""English words of panels."""

from collections.abc import Mapping

from worker.domain.orders.outcomes import Reason

_WRONG = r"(?:incorrect|invalid|wrong|bad|unknown|missing|empty|no such)"
_IS = r"(?:is |was |are |has been |have been )?"
_INACTIVE = r"(?:inactive|not (?:yet )?active|not activated|suspended|disabled?|deactivated|blocked|banned|frozen)"
_GONE = r"(?:not found|not exists?|doesn'?t exists?|does not exists?|incorrect|invalid)"
_MONEY = r"(?:funds?|balance|money|credits?)"
_LACKS = r"(?:not (?:have )?enough|insufficient|not sufficient|no|low|lacks?(?: of)?|out of|without|zero)"
_SUPPLIER = r"(?:provider|supplier|seller|vendor|reseller|upstream)"
_PLACE = r"(?:panel|site|website|system|api|platform|server|shop)"
_THIS = r"(?:this|the|that|same)"
_KEY = r"(?:api ?)?(?:key|token|credentials)"
_LINK = r"(?:link|url|post|video|photo|reel|profile|username|page|channel|tweet)"

KNOWN: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        rf"\b{_SUPPLIER}\b.*\b{_LACKS} (?:\w+ )?{_MONEY}\b",
        rf"\b{_LACKS} (?:\w+ )?{_MONEY}\b.*\b{_SUPPLIER}\b",
        r"\banother (?:transaction|request|order) (?:\w+ ){0,2}(?:process|progress)",
        r"\bprocessing (?:another|other|a previous|the previous) (?:transaction|request|order)",
        r"\b(?:service|category)\w* (?:\w+ ){0,2}(?:under|in|on|for|down for) (?:\w+ )?maintenance\b",
    ),
    Reason.LINK_BUSY: (
        r"\blink (?:is )?(?:duplicated?|busy)\b",
        r"\bduplicated? (?:link|order)\b",
        rf"\b(?:active|another|an|unfinished|pending|running|existing) orders? (?:\w+ ){{0,3}}{_THIS} link\b",
        r"\bwait until (?:\w+ ){0,2}order\b",
        r"\blink (?:\w+ ){0,3}(?:already|in progress|in use)\b",
        r"\balready (?:\w+ ){0,4}orders? (?:\w+ ){0,3}(?:this|the|that|same) (?:link|url|page|post)\b",
        rf"\btoo many (?:\w+ )?(?:requests|orders|attempts) (?:for|to|on|with) {_THIS} (?:\w+ )?{_LINK}\b",
    ),
    Reason.RATE_LIMITED: (
        r"\btoo many (?:\w+ )?(?:requests|attempts|calls|hits)\b",
        r"\brate limit",
        r"\b(?:requests?|calls?) (?:limit|quota|rate)",
        r"\b(?:limit|number) of (?:api )?(?:requests|calls)\b",
        r"\bthrottl",
        r"\brequests? (?:is |are |has been )?(?:\w+ )?(?:too often|too fast|too frequent)",
        r"\btoo (?:often|fast|frequent) (?:requests|calls)",
    ),
    Reason.NOT_ENOUGH_FUNDS: (
        rf"\b{_LACKS} (?:\w+ )?{_MONEY}\b",
        rf"\b(?:do not|don'?t|does not|doesn'?t|dont) have (?:enough|sufficient|any) (?:\w+ )?{_MONEY}\b",
        rf"\b{_MONEY} {_IS}(?:too low|low|not enough|insufficient|not sufficient|empty|over)\b",
        r"\bexceeds? (?:your |the )?(?:\w+ )?balance\b",
        rf"\b(?:please|need to|must) (?:top up|recharge|refill|replenish|add|deposit) (?:\w+ )?(?:account|{_MONEY})\b",
        r"\bpayment required\b",
    ),
    Reason.BAD_KEY: (
        rf"\b{_WRONG} {_KEY}\b",
        rf"\b{_WRONG} api$",
        rf"\b{_KEY} (?:field )?{_IS}(?:{_GONE}|{_INACTIVE}|wrong|not valid|expired|required|missing)\b",
        rf"\b{_KEY} {_IS}(?:removed|deleted|revoked)\b",
        # Only the caller's own account: "the Instagram account is suspended" is about a link.
        rf"(?:^|\byour )(?:(?:the|user|api) )*account {_IS}(?:{_INACTIVE}|closed|not verified)\b",
        rf"^{_INACTIVE} account\b",
        rf"^(?:the |your )?user {_IS}(?:blocked|banned|disabled|deactivated|suspended)\b",
        rf"\bapi (?:access )?{_IS}(?:{_INACTIVE}|not enabled|turned off|off)\b",
        r"\bunauthori[sz]ed\b",
        r"\bunauthenticated\b",
        r"\bnot (?:authori[sz]ed|authenticated|logged in)\b",
        r"\bauth(?:entication|ori[sz]ation)? (?:is |was |has )?(?:failed|failure|error|required|invalid)\b",
    ),
    Reason.REFUSING: (
        r"\b(?:under|in|on|for|down for) (?:\w+ ){0,2}maintenance\b(?! downtime)",
        r"\bmaintenance (?:mode|break|works?|in progress|is|until|time)\b",
        r"^maintenance$",
        r"\btechnical (?:works?|break|maintenance)\b",
        rf"\b{_PLACE} {_IS}(?:\w+ )?(?:closed|offline|being updated|updating|upgrading)\b",
        r"\b(?:new )?order(?:s|ing) (?:is |are )?(?:\w+ )?(?:closed|paused|suspended|stopped|not accepted)\b",
        r"\baccess (?:is |was )?(?:denied|forbidden|restricted|blocked)\b",
        r"^(?:http |error )?(?:403 )?forbidden$",
        rf"\bip (?:address )?(?:[\d ]+ |\w+ )?{_IS}(?:{_INACTIVE}|denied|restricted|blacklisted)\b",
        r"\bip (?:address )?(?:[\d ]+ |\w+ )?(?:is )?not (?:\w+ )?(?:allowed|whitelisted|permitted|authori[sz]ed)\b",
    ),
    Reason.SERVICE_NOT_FOUND: (
        rf"\b{_WRONG} service\b",
        rf"\bservice (?:id )?{_IS}(?:{_GONE}|{_INACTIVE}|removed|deleted)\b",
        r"\binactive service\b",
    ),
    Reason.QUANTITY_REFUSED: (
        r"\b(?:incorrect|invalid|wrong|bad|big|small|large|min|max|minimum|maximum) quantity\b",
        r"\bquantity (?:\w+ ){0,2}(?:be|less|more|lower|higher|greater|smaller|min|max|minimum|maximum|between)\b",
        r"\bquantity (?:\w+ ){0,2}(?:invalid|incorrect|wrong|required|exceeds?|small|big|large|low|high|multiple)\b",
        r"\b(?:less|lower|smaller) than (?:the )?min",
        r"\b(?:more|greater|higher|larger) than (?:the )?max",
        r"\bm(?:in|ax)(?:imum|imal)? (?:order )?(?:amount )?is\b",
    ),
    # "Order has been deleted" isn't here: it says that there was an order.
    Reason.NOT_FOUND: (
        rf"\b{_WRONG} (?:order|refill)s?(?: ids?\b|$)",
        rf"\b(?:order|refill)s? (?:request |ids? )?{_IS}{_GONE}\b",
    ),
    Reason.LINK_REFUSED: (
        r"^neworder error link$",
        rf"\b{_WRONG} (?:\w+ )?(?:link|url)\b",
        rf"^{_WRONG} address$",
        rf"\b(?:link|url) (?:format |field )?{_IS}(?:{_GONE}|wrong|bad|not valid|not supported|required|empty)\b",
        rf"\b(?:link|url) {_IS}(?:removed|deleted)\b",
    ),
    Reason.BAD_REQUEST: (rf"\b{_WRONG} (?:request|action|method|parameters?)\b",),
}

VAGUE: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        r"\b(?:try|retry) (?:\w+ )?(?:again|later|after|in)\b",
        r"\b(?:again|come back) later\b",
        r"\b(?:temporarily|temporary|currently) (?:\w+ )?(?:unavailable|not available|disabled|closed|down|paused)\b",
        r"\bplease wait\b",
        rf"\b(?:{_PLACE}|we|service) (?:is |are )?(?:\w+ )?(?:busy|overloaded)\b",
    ),
    Reason.SERVICE_NOT_FOUND: (rf"\bservice (?:id )?{_IS}not available\b",),
    Reason.QUANTITY_REFUSED: (r"\bquantity\b",),
}

TAKEN = (
    r"^(?:success(?:ful(?:ly)?)?|ok|okay|yes|true|done|taken|sent|requested|accepted|queued|submitted|created|received|placed|processed|approved|started|scheduled)$",
    r"\bsuccess",
    r"\b(?:requested|accepted|queued|submitted|created|received|placed|processed|approved|sent|scheduled|initiated)\b",
    r"\bwill be (?:\w+ )?(?:cancel+ed|refill|refilled|processed|refunded|done)\b",
    r"\b(?:pending|processing|in progress|in queue|asap)\b",
    r"^(?:order )?(?:cancel+ed|canceling|cancelling|refilled|refilling)$",
)
NOT = (
    r"\b(?:not|no|never|cannot|can'?t|couldn'?t|unable|already|fail\w*|error|un\w*success\w*|without|denied|refused|rejected|only|must|too|before|wait|isn'?t|wasn'?t|won'?t|don'?t|doesn'?t|didn'?t)\b",
)

#: Texts that mean a bad key in answers to `balance` and `services`.
OF_ACCOUNT = (
    rf"\b(?:account|user) (?:\w+ ){{0,2}}{_GONE}\b",
    rf"\b(?:account|user) {_IS}{_INACTIVE}\b",
    rf"\b(?:no such|unknown|invalid|{_INACTIVE}) (?:account|user)\b",
)

CRASHES = (
    r"\b(?:sqlstate|sql|mysqli?|pdo|postgres|mongo\w*|redis|sqlite|ora \d+|duplicate entry|column|foreign key)\b",
    r"\b(?:constraint|deadlock|lock wait|access denied for user|connection (?:refused|reset|lost|failed|error))\b",
    r"\b(?:exception|traceback|stack ?trace|segmentation fault|(?:fatal|syntax|parse|type) error)\b",
    r"\b(?:undefined|null ?pointer|nil|nan|offset|array key|non object|stdclass|call to|trying to|not callable)\b",
    r"\b(?:cannot (?:read|set)|is not a function|memory|internal|gateway|timed? ?out|curl|socket|upstream connect)\b",
    r"::|->|\bin (?:file )?/|\bline \d+\b",
)
