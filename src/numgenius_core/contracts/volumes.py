"""What was agreed about a volume: who rents how much disk of which machine, at which price.

Rule (marketplace): a client rents a part of a volume offer, of a fixed size for as long as it
exists. It is charged for every second that it exists and its machine is online, whatever uses it;
instances of its machine attach it when they are made, and it outlives them. Its name, if it has
one, is of letters, digits and underscores, at most 64.

Our readings: price and platform fee are locked, and an extension changes the end alone. A volume
that a host rents on its own machine is a test: free as an instance would be (G10), and billed where
these are.
"""

from __future__ import annotations

import re
from datetime import datetime
from fractions import Fraction
from typing import Final

from attrs import evolve, field, frozen

from numgenius_core._checks import check_kind, check_text, keep_id
from numgenius_core._numbers import fraction
from numgenius_core.contracts.storage import Volume
from numgenius_core.errors import RuleViolation, WrongType, shown
from numgenius_core.ids import AccountId, MachineId, VolumeId
from numgenius_core.intervals import utc
from numgenius_core.rates import PerGbMonth
from numgenius_core.units import Exact

_NAME: Final = re.compile(r"[A-Za-z0-9_]{0,64}", re.ASCII)


def check_volume_name(name: object, path: str) -> None:
    """Refuse what is no name of a volume; it may be empty."""
    need = "at most 64 letters, digits and underscores"
    if not isinstance(name, str):
        raise WrongType(path, need, shown(name))
    if _NAME.fullmatch(name) is None:
        raise RuleViolation(path, need, shown(name))


def _fee(value: Exact) -> Fraction:
    return fraction(value, "volume_contract.platform_fee", below_one=True)


@frozen(kw_only=True)
class VolumeContract:
    """An agreement about a volume, its terms locked.

    Attributes:
        id: The marketplace's number for the volume.
        machine: The machine whose disk it is.
        host: Account of its owner.
        client: Account that pays; the host's own only for a test (G10).
        volume: Its size, its price and when it ends.
        start: When it was made.
        platform_fee: The platform's share of what the client pays, 0 to below 1.
        name: The client's own name for it, or none.
        billed_test: Whether a host pays for a volume on its own machine.

    Raises:
        WrongType: A field of another type.
        RuleViolation: An end that is not after the start, a fee outside of its bounds, a name that
            is none, or a test that is billed to a client.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import PerGbMonth
    >>> from numgenius_core.contracts import Volume, VolumeContract
    >>> rented = VolumeContract(
    ...     id=12,
    ...     machine=1,
    ...     host="hanna",
    ...     client="anna",
    ...     volume=Volume(size_mb=200_000, price=PerGbMonth("0.15")),
    ...     start=datetime(2026, 1, 5, tzinfo=UTC),
    ...     name="models",
    ... )
    >>> print(rented.size_mb, rented.price, rented.end, rented.is_free_test)
    200000 0.15 None False
    """

    id: VolumeId
    machine: MachineId
    host: AccountId
    client: AccountId
    volume: Volume
    start: datetime
    platform_fee: Fraction = field(default=Fraction(0), converter=_fee)
    name: str = ""
    billed_test: bool = False

    def __attrs_post_init__(self) -> None:
        keep_id(self, "id", "volume_contract.id")
        keep_id(self, "machine", "volume_contract.machine")
        check_text(self.host, "volume_contract.host")
        check_text(self.client, "volume_contract.client")
        check_kind(self.volume, Volume, "volume_contract.volume")
        object.__setattr__(self, "start", utc(self.start, "volume_contract.start"))
        if self.end is not None and self.end <= self.start:
            need = f"an instant after its start {self.start}"
            raise RuleViolation("volume_contract.volume.end", need, str(self.end))
        check_volume_name(self.name, "volume_contract.name")
        check_kind(self.billed_test, bool, "volume_contract.billed_test")
        if self.billed_test and self.client != self.host:
            need = "False for a client's volume"
            raise RuleViolation("volume_contract.billed_test", need, "True")

    @property
    def size_mb(self) -> int:
        """Its size, whole MB."""
        return self.volume.size_mb

    @property
    def price(self) -> PerGbMonth:
        """Its price, dollars per GB-month."""
        return self.volume.price

    @property
    def end(self) -> datetime | None:
        """When it ends; ``None`` is never."""
        return self.volume.end

    @property
    def is_free_test(self) -> bool:
        """Whether it is a host's own, and at no cost."""
        return self.client == self.host and not self.billed_test

    def with_end(self, end: datetime | None) -> VolumeContract:
        """Return it with another end."""
        return evolve(self, volume=evolve(self.volume, end=end))
