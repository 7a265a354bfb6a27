"""How often somebody may ask: each account, each address, and those who have no account yet."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Final

from numgenius_core.ids import AccountId

MANY: Final = 10_000
ACCOUNTS_OF_AN_ADDRESS: Final = 20  # what an office asks together, in what one account may ask


class Limiter:
    """Lets each key ask so many times a second, and as many as in two seconds at once."""

    def __init__(self, rate: float) -> None:
        self._gap, self._slack = 1 / rate, 2.0
        self._busy_until: dict[str, float] = {}

    def wait(self, key: str) -> float:
        """Return how many seconds too early a key asks; 0 is in time, and counts."""
        now = monotonic()
        if len(self._busy_until) > MANY:  # whoever has been quiet is as good as new
            self._busy_until = {k: until for k, until in self._busy_until.items() if until > now}
        until = max(now, self._busy_until.get(key, now)) + self._gap
        if until <= now + self._slack:
            self._busy_until[key] = until
            return 0.0
        return until - now - self._slack


class Limits:
    """The limits of the service.

    An account that asks too often slows itself down alone: what is refused does not count for its
    address. Those without an account have the limit of their address, so a flood of new keys, or of
    wrong ones, keeps no newcomer from elsewhere out, and nobody who has an account.
    """

    def __init__(self, rate: float) -> None:
        self._accounts, self._strangers = Limiter(rate), Limiter(rate)
        self._addresses = Limiter(rate * ACCOUNTS_OF_AN_ADDRESS)

    def wait(self, account: AccountId | None, address: str) -> float:
        """Return how many seconds too early somebody asks; 0 is in time, and counts.

        Args:
            account: Who; ``None`` for somebody who has no account yet.
            address: From where.
        """
        place = network(address)
        if account is None:
            return self._strangers.wait(place)
        return self._accounts.wait(account) or self._addresses.wait(place)


def network(address: str) -> str:
    """Return what counts as one address: of version 6, the half that a customer is given whole."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(found.packed[:8])
    return str(found)
