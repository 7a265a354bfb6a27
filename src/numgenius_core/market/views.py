"""What a service asks of a market: offers, instances, balances, statements, earnings.

Nothing here changes anything, and no answer is stored: each follows from the state and the instant
asked for, by the same rules that decide commands.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from numgenius_core.errors import RuleViolation
from numgenius_core.ids import MachineId, OfferId
from numgenius_core.intervals import utc
from numgenius_core.listing import Mode
from numgenius_core.market._copying import copier_of
from numgenius_core.market._instance_views import (
    increases_of,
    instance,
    instances_of,
    is_host,
    machine,
    machines_of,
    who_runs,
    why_waiting,
    winning_bid_of,
)
from numgenius_core.market._looking_ahead import market_at, not_before
from numgenius_core.market._money_views import (
    DepositView,
    Earnings,
    balance,
    deposit_of,
    earnings,
    statement_of,
)
from numgenius_core.market._notifications import Notification, notifications
from numgenius_core.market._preview import Preview, preview
from numgenius_core.market._promise_views import (
    PromiseView,
    promise_of,
    uptime_history,
)
from numgenius_core.market._relisting import TermChange, TermOrigin
from numgenius_core.market._renting import AN_OFFER, find_offer
from numgenius_core.market._runway import Runway, SpendRate, runway, spend_rate
from numgenius_core.market._transfers import payouts_due
from numgenius_core.market._volume_views import (
    VolumeOffer,
    volume,
    volume_offers,
    volume_statement_of,
    volumes_of,
)
from numgenius_core.market.state import MachineState, Market, found_in
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import Quote
from numgenius_core.prices.ranking import rank_offers
from numgenius_core.units import Amount

__all__ = [
    "DepositView",
    "Earnings",
    "Notification",
    "Preview",
    "PromiseView",
    "Runway",
    "SpendRate",
    "TermChange",
    "TermOrigin",
    "VolumeOffer",
    "balance",
    "deposit_of",
    "earnings",
    "increases_of",
    "instance",
    "instances_of",
    "is_host",
    "machine",
    "machines_of",
    "notifications",
    "offer",
    "offers",
    "payouts_due",
    "preview",
    "promise_of",
    "quotes",
    "runway",
    "spend_rate",
    "statement_of",
    "until",
    "uptime_history",
    "volume",
    "volume_offers",
    "volume_statement_of",
    "volumes_of",
    "who_runs",
    "why_waiting",
    "winning_bid_of",
]


_ending: Final = copier_of(Offer, "ends_at")


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


def until(market: Market, at: datetime) -> Market:
    """Return the market once everything that is due up to ``at`` has happened.

    A view shows the state as it is; this is how to ask what it would show later. Those that take an
    instant or a period look as far ahead by themselves; to ask several, or one of many things, ask
    them of this market: then what is due happens once, and not once for each.

    Raises:
        WrongType: ``at`` is no datetime.
        RuleViolation: It is before the market's last event.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(2)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ReportLoaded(contract=2),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> later = at + timedelta(hours=1)
    >>> views.instance(market, 2).state, views.instance(views.until(market, later), 2).state
    (<InstanceState.RUNNING: 'running'>, <InstanceState.STOPPED: 'stopped'>)
    """
    return market_at(market, at)


def offers(market: Market, at: datetime, *, machine: MachineId | None = None) -> tuple[Offer, ...]:
    """Return the offers of all listed machines, or of one, in the order of their numbers.

    Those that cannot be rented on demand are among them, since a bid can be made on any:
    ``Offer.rentable`` tells. ``prices.min_bid`` is the quoted one, and the disk is the offer's
    share of what is available.

    Args:
        market: The market.
        at: When, from the market's last event on: as it is then if nobody does anything more. A
            rolling end counts from it.
        machine: Only this machine's.

    Raises:
        UnknownId: There is no such machine.
        RuleViolation: ``at`` is before the market's last event.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> [(offer.id, offer.gpus) for offer in views.offers(market, at)]
    [(8192, 1), (8193, 1), (8194, 1), (8195, 1), (8196, 2), (8197, 2), (8198, 4)]
    """
    market, at = market_at(market, at, machine=machine), utc(at)
    if machine is not None:
        return _offers_of(market.machine(machine), at)
    listed = (market.machines[market.listings[number]] for number in sorted(market.listings))
    return tuple(each for state in listed for each in _offers_of(state, at))


def offer(market: Market, offer: OfferId, at: datetime) -> Offer:
    """Return one offer; all of a market or of a machine at once give :func:`offers`.

    Args:
        market: The market.
        offer: Its number.
        at: When, from the market's last event on: as it is then if nobody does anything more.

    Raises:
        UnknownId: There is no such offer, or no longer.
        RuleViolation: ``at`` is before the market's last event.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> offer = views.offer(market, 8192, at)
    >>> offer.gpus, offer.host
    (1, 'hanna')
    """
    at = not_before(market, at)
    machine = find_offer(market, offer)[0].id
    there = market_at(market, at, machine=machine).machine(machine)
    found = {each.id: each for each in _offers_of(there, at)}
    return found_in(found, offer, "offer", AN_OFFER)


def _offers_of(machine: MachineState, at: datetime) -> tuple[Offer, ...]:
    listing = machine.listing
    if listing is None or listing.rolling is None:
        return machine.offers
    try:
        end = listing.end_at(at)
    except RuleViolation:  # beyond the calendar: no contract can be made, as if it had ended
        return ()
    return tuple(_ending(each, end) for each in machine.offers)


def quotes(
    market: Market,
    at: datetime,
    duration: timedelta,
    *,
    mode: Mode = Mode.ON_DEMAND,
    disk: Amount = 0,
) -> tuple[Quote, ...]:
    """Return what a stay costs on each offer that can be rented so, the cheapest first.

    Args:
        market: The market.
        at: When, from the market's last event on: as it is then if nobody does anything more. An
            offer must last as long as the stay.
        duration: Of the stay.
        mode: All need an offer whose GPUs nobody has rented on demand (a bid on others is taken
            and waits), and reserved one of a verified machine: it is quoted with the discount of
            the duration, which is none where the host gives none. Interruptible is quoted at the
            lowest bid that is taken.
        disk: GB wanted; an offer must have as much.

    Raises:
        WrongType: ``duration`` is no ``timedelta``, ``at`` no ``datetime``, ``mode`` no ``Mode``
            or ``disk`` no number.
        RuleViolation: As for :func:`numgenius_core.prices.quote`.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> cheapest, *_, dearest = views.quotes(market, at, timedelta(hours=10))
    >>> print(cheapest.offer.gpus, cheapest.total, dearest.offer.gpus, dearest.total)
    1 20.00 4 80.00
    """
    return rank_offers(offers(market, at), duration, now=at, mode=mode, disk=disk).quotes
