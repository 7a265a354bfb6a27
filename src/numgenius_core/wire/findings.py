"""What can be odd in a market but legal: the kinds of findings, and how they are counted.

How they are found: ``wire.oddities``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from itertools import islice

from attrs import field, frozen

from numgenius_core._checks import as_tuple
from numgenius_core._numbers import whole_number
from numgenius_core.errors import RuleViolation, WrongType, brief, one_line, shown
from numgenius_core.ids import MachineId, OfferId


class FindingKind(Enum):
    """What is odd: of one offer, or of all offers of a machine beside each other.

    Of an offer: a lowest bid dearer than renting on demand (legal, and 18 % of real rows); GPUs
    that cost nothing, which no host means (our reading); prices that its source does not say, so
    they are unknown and not free; a total (``dph_total``) with a part that is neither GPUs nor disk
    nor the named fee of a promise of uptime; a share of its machine (``gpu_frac``) that no whole
    number of GPUs gives; an end date gone by; an end date of 0, which programs write for none (what
    is meant nobody can say, so the offer has ended); a number that stands several times.

    Of a machine: offers of different numbers that are the same GPUs; several GPU models, where a
    machine has one; different prices a GPU, where the market has one; sizes that no ``min_gpu``
    explains.

    >>> from numgenius_core.wire import FindingKind
    >>> FindingKind.END_GONE_BY.value
    'an end date that has gone by'
    """

    FLOOR_ABOVE_PRICE = "a lowest bid above the on-demand price"
    FREE_OF_CHARGE = "GPUs that cost nothing"
    UNKNOWN_PRICES = "prices that are not known"
    UNEXPLAINED_TOTAL = "a total that GPUs and disk do not explain"
    IMPOSSIBLE_SHARE = "a share of GPUs that no machine gives"
    END_GONE_BY = "an end date that has gone by"
    END_IS_ZERO = "an end date of 0"
    REPEATED_OFFER = "a number that stands several times"
    REPEATED_GPUS = "the same GPUs as another offer"
    SEVERAL_MODELS = "several GPU models on one machine"
    UNEVEN_PRICES = "prices that are not in proportion to the GPUs"
    UNEXPLAINED_SIZES = "sizes that no min_gpu explains"


_OF_MACHINES = frozenset(
    {
        FindingKind.REPEATED_GPUS,
        FindingKind.SEVERAL_MODELS,
        FindingKind.UNEVEN_PRICES,
        FindingKind.UNEXPLAINED_SIZES,
    }
)


@frozen(kw_only=True)
class Finding:
    """One oddity of a market; its text says what is odd.

    Attributes:
        kind: What is odd.
        machine: The machine.
        offers: The numbers of the offers that it concerns, in the order of the market.
        detail: The sentence, with the figures that are odd.

    Raises:
        RuleViolation: It concerns no offer.

    >>> from numgenius_core import read_sample
    >>> finding = read_sample().findings[0]
    >>> print(finding)
    offer 9000040: lowest bid $1.1686 above the on-demand $0.9738
    >>> finding.kind.name, finding.machine, finding.offers
    ('FLOOR_ABOVE_PRICE', 70149, (9000040,))
    """

    kind: FindingKind
    machine: MachineId
    offers: tuple[OfferId, ...] = field(repr=brief)
    detail: str

    def __attrs_post_init__(self) -> None:
        if not self.offers:
            raise RuleViolation("finding.offers", "at least one", "none")

    @property
    def offer(self) -> OfferId | None:
        """The offer that it is about, ``None`` where it is about the machine."""
        return None if self.kind in _OF_MACHINES else self.offers[0]

    def __str__(self) -> str:
        offer = self.offer
        where = f"machine {self.machine}" if offer is None else f"offer {offer}"
        return one_line(f"{where}: {self.detail}")


def summarized(findings: Iterable[Finding], *, named: int = 3) -> tuple[str, ...]:
    """Return by what is odd how many machines or offers are, a line each, the first few by number.

    One with several findings of a kind counts once.

    Args:
        findings: As :func:`find` or a reading gives them.
        named: How many are named, at least 1.

    Raises:
        WrongType: ``findings`` are no series of findings.
        RuleViolation: ``named`` is no whole number from 1.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.wire import summarized
    >>> for line in summarized(read_sample().findings, named=2):
    ...     print(line)
    8 with a lowest bid above the on-demand price: offers 9000040, 9000041 and 6 more
    """
    named = whole_number(named, "named", 1)
    groups: defaultdict[FindingKind, list[Finding]] = defaultdict(list)
    for finding in as_tuple(findings, "findings"):
        if not isinstance(finding, Finding):
            raise WrongType("findings", "findings", shown(finding))
        groups[finding.kind].append(finding)
    return tuple(_summary(kind, group, named) for kind, group in groups.items())


def _summary(kind: FindingKind, group: list[Finding], named: int) -> str:
    numbers = dict.fromkeys(each.machine if each.offer is None else each.offer for each in group)
    count = len(numbers)
    word = ("machine" if kind in _OF_MACHINES else "offer") + ("s" if count > 1 else "")
    rest = f" and {count - named:,} more" if count > named else ""
    told = ", ".join(map(str, islice(numbers, named)))
    return f"{count:,} with {kind.value}: {word} {told}{rest}"
