"""Tells accounts on panels apart: by the address and the key that lead to them, and by what was noted of them."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias
from urllib.parse import parse_qsl, urlsplit

_DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}

#: Names under which addresses carry a key, in lower case and without `_` and `-`.
_KEY_NAMES = frozenset({"key", "apikey", "token", "apitoken", "accesstoken"})

#: Rounds of the hash. They take some hundredths of a second, and make guessing a short key as many times dearer.
_ROUNDS = 60_000


def has_key_in_query(url: str) -> bool:
    """Tells whether the query of an address has a parameter for a key."""
    names = (name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return any(name.lower().replace("_", "").replace("-", "") in _KEY_NAMES for name in names)


@dataclass(frozen=True, slots=True)
class Account:
    """An account on a panel: the address of the panel's API, as `plain_address` returns it, and the key."""

    address: str
    key: str = field(repr=False)

    @classmethod
    def at(cls, url: str, key: str) -> Self:
        return cls(plain_address(url), key)

    def is_same_as(self, other: "Account") -> bool:
        return _is_same_place(self.address, other.address) and self.key == other.key


def plain_address(url: str) -> str:
    """Returns an address with scheme and host in lower case, and without query, default port and trailing slashes.

    What it leaves out leads to no other account, and may hold a secret.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _is_same_place(one: str, other: str) -> bool:
    """Compares plain addresses without their schemes: http and https lead to the same account."""
    return one.partition("://")[2] == other.partition("://")[2]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of an account: its address, and a hash of its key that no other row has."""

    address: str
    salt: str
    key_hash: str

    @classmethod
    def of(cls, account: Account) -> Self:
        salt = secrets.token_hex(16)
        return cls(account.address, salt, _hashed(account.key, salt))

    def fits(self, account: Account) -> bool:
        """Tells whether it is this account's. It takes some hundredths of a second if the address is the same."""
        return _is_same_place(self.address, account.address) and hmac.compare_digest(
            self.key_hash, _hashed(account.key, self.salt)
        )


def _hashed(key: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", key.encode(), bytes.fromhex(salt), _ROUNDS).hex()


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted of a panel name. Names and fingerprints of the same account have the same `account` number."""

    panel: str
    account: int
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Known:
    """The settings of a panel lead to the account of its orders."""

    account: int


@dataclass(frozen=True, slots=True)
class New:
    """Nothing is noted of this panel name. `account`: the number that its account has under other names, if any."""

    account: int | None


@dataclass(frozen=True, slots=True)
class Changed:
    """The address or the key of a panel is another than its orders were placed with, so the account may be, too.

    `address`: the address that was noted last. `fits`: what was noted of another panel name, and fits these settings.
    """

    account: int
    address: str
    fits: Noted | None


Identity: TypeAlias = Known | New | Changed


def identify(panel: str, account: Account, noted: Sequence[Noted]) -> Identity:
    """Decides what the settings of a panel lead to, by all that was noted so far, the oldest first."""
    fitting = [one for one in noted if one.fingerprint.fits(account)]
    own = [one for one in noted if one.panel == panel]
    if not own:
        return New(fitting[-1].account if fitting else None)
    last = own[-1]
    if any(one.account == last.account for one in fitting):
        return Known(last.account)
    others = [one for one in fitting if one.panel != panel]
    return Changed(last.account, last.fingerprint.address, others[-1] if others else None)
