"""Markets that are wrong on purpose: mistakes that services make with time, money and GPUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from attrs import evolve

from numgenius_core.bids import WaitReason
from numgenius_core.billing import volume_statement
from numgenius_core.contracts import NotExtended
from numgenius_core.errors import NumgeniusError
from numgenius_core.intervals import Interval
from numgenius_core.market import Market, commands as c, events as e, execute, replay, views
from numgenius_core.money import Money
from numgenius_core.sla import LinearCredit
from numgenius_core.testing import Books, Played, Step, books_of, dollars, playing

Done = tuple[Market, Sequence[e.Event]]


def without(*kinds: type) -> Callable[[Sequence[Step]], Played]:
    """Return what plays commands but lets some kinds of events never happen."""

    def execute_without(market: Market, command: c.Command, at: datetime) -> Done:
        _, events = execute(market, command, at)
        kept = [event for event in events if not isinstance(event, kinds)]
        return replay(kept, market), kept

    return playing(execute_without)


# -- GPUs --------------------------------------------------------------------------------------


def oversells(steps: Sequence[Step]) -> Played:
    """Start what comes and pause nobody for it."""
    return without(e.InstancePaused)(steps)


def on_the_first_gpus(steps: Sequence[Step]) -> Played:
    """Put on-demand instances on the first GPUs, whoever has them."""

    def first(market: Market, command: c.Command, at: datetime) -> Done:
        _, events = execute(market, command, at)
        moved = [*map(_moved, events)]
        return replay(moved, market), moved

    return playing(first)(steps)


def _moved(event: e.Event) -> e.Event:
    if not isinstance(event, e.ContractCreated) or event.contract.bid is not None:
        return event
    block = evolve(event.contract.block, start=0)
    return evolve(event, contract=evolve(event.contract, block=block))


def never_resumes(steps: Sequence[Step]) -> Played:
    """Leave the paused paused when their GPUs are free again."""
    return without(e.InstanceResumed)(steps)


def everyone_waits(steps: Sequence[Step]) -> Played:
    """Pause an instance as soon as it has loaded, though nobody is above it."""

    def pauses(market: Market, command: c.Command, at: datetime) -> Done:
        market, events = execute(market, command, at)
        loaded = [event for event in events if isinstance(event, e.InstanceLoaded)]
        more = [
            e.InstancePaused(at=at, contract=event.contract, by=(), why=WaitReason.OUTBID)
            for event in loaded
        ]
        return replay(more, market), (*events, *more)

    return playing(pauses)(steps)


# -- time --------------------------------------------------------------------------------------


def any_time(steps: Sequence[Step]) -> Played:
    """Take a command that comes too late as if it came now."""
    return playing(lambda market, command, at: execute(market, command, max(at, market.now)))(steps)


def at_the_next_look(steps: Sequence[Step]) -> Played:
    """Let everything that has come due happen at the time of the next command."""

    def late(market: Market, command: c.Command, at: datetime) -> Done:
        _, events = execute(market, command, at)
        moved = [evolve(event, at=at) for event in events]
        return replay(moved, market), moved

    return playing(late)(steps)


def newest_first(steps: Sequence[Step]) -> Played:
    """Tell the events of a command the newest first."""
    played = playing(execute)(steps)
    return evolve(played, answers=[answer and answer[::-1] for answer in played.answers])


def minutes_begun(steps: Sequence[Step]) -> Played:
    """Bill what runs at each look at the clock, a minute at least."""
    played = playing(execute)(steps)
    looks = sum(at > before for (_, before), (_, at) in pairwise(steps))
    told = played.books
    bills = {key: dollars(bill) * (1 + looks) for key, bill in told.bills.items()}
    return evolve(played, books=evolve(told, bills=bills))


# -- refusals ----------------------------------------------------------------------------------


def refusing(change: Callable[[Market, datetime], Market]) -> Callable[[Sequence[Step]], Played]:
    """Return what plays commands right, but for what a refused one does to the market."""

    def play(steps: Sequence[Step]) -> Played:
        market, answers, archive = Market(), list[Any](), dict[Any, Any]()
        for command, at in steps:
            try:
                market, events = execute(market, command, at, archive=archive)
                answers.append(events)
            except NumgeniusError:
                market = change(market, at)
                answers.append(None)
        return Played(answers=answers, books=books_of(market, steps[-1][1], archive))

    return play


def numbers_are_used_up(steps: Sequence[Step]) -> Played:
    """Count a number for what is refused too, as a sequence of a database does."""
    return refusing(lambda market, _: evolve(market, last=market.last + 1))(steps)


def half_done(steps: Sequence[Step]) -> Played:
    """Let happen what came due, then refuse and tell nobody of it."""
    return refusing(lambda market, at: views.until(market, max(at, market.now)))(steps)


def refusals_cost_a_cent(steps: Sequence[Step]) -> Played:
    """Charge for each refusal, and book it as earned."""
    played = playing(execute)(steps)
    cents, told = Money("0.01") * played.answers.count(None), played.books
    name = next(iter(told.balances))
    balances = {**told.balances, name: told.balances[name] - cents}
    return evolve(played, books=evolve(told, balances=balances, platform=told.platform + cents))


# -- money -------------------------------------------------------------------------------------


def told_by(change: Callable[[Books], Books]) -> Callable[[Sequence[Step]], Played]:
    """Return what plays commands right, and tells other books."""
    return playing(execute, lambda *market_then_gone: change(books_of(*market_then_gone)))


def fee_forgotten(steps: Sequence[Step]) -> Played:
    """Book the fee nowhere."""
    return told_by(lambda told: evolve(told, platform=Money(0)))(steps)


def cents(steps: Sequence[Step]) -> Played:
    """Keep balances in cents."""

    def rounded(told: Books) -> Books:
        kept = {name: round(dollars(money), 2) for name, money in told.balances.items()}
        return evolve(told, balances=kept)

    return told_by(rounded)(steps)


def bills_in_cents(steps: Sequence[Step]) -> Played:
    """Round each bill to a cent, the balances not."""

    def rounded(told: Books) -> Books:
        kept = {key: round(dollars(bill), 2) for key, bill in told.bills.items()}
        return evolve(told, bills=kept)

    return told_by(rounded)(steps)


def host_gets_all(steps: Sequence[Step]) -> Played:
    """Tell the host what the client paid, fee and all."""
    return told_by(lambda told: evolve(told, payouts=told.bills))(steps)


# -- events ------------------------------------------------------------------------------------


def tells_no_traffic(steps: Sequence[Step]) -> Played:
    """Bill traffic without an event of it."""
    return _tells_not(e.TrafficCounted)(steps)


def tells_no_loading(steps: Sequence[Step]) -> Played:
    """Let instances run without an event of it."""
    return _tells_not(e.InstanceLoaded)(steps)


def tells_no_rentals(steps: Sequence[Step]) -> Played:
    """Keep to itself who rented what."""
    return _tells_not(e.ContractCreated)(steps)


def tells_no_machines(steps: Sequence[Step]) -> Played:
    """List machines that no event has added."""
    return _tells_not(e.MachineAdded)(steps)


def _tells_not(*kinds: type) -> Callable[[Sequence[Step]], Played]:
    def play(steps: Sequence[Step]) -> Played:
        played = playing(execute)(steps)
        told = [
            answer and [event for event in answer if not isinstance(event, kinds)]
            for answer in played.answers
        ]
        return evolve(played, answers=told)

    return play


# -- volumes -----------------------------------------------------------------------------------


def oversells_the_disk(steps: Sequence[Step]) -> Played:
    """Rent a volume of any size that the disk has, whatever of it may be sold."""

    def takes_all(market: Market, command: c.Command, at: datetime) -> Done:
        try:
            return execute(market, command, at)
        except NumgeniusError:
            if not isinstance(command, c.RentVolume):
                raise
            small = evolve(command, size_mb=1)
            _, events = execute(market, small, at)
            bigger = [_grown(event, command.size_mb) for event in events]
            return replay(bigger, market), bigger

    return playing(takes_all)(steps)


def _grown(event: e.Event, size: int) -> e.Event:
    if not isinstance(event, e.VolumeRented):
        return event
    volume = evolve(event.contract.volume, size_mb=size)
    return evolve(event, contract=evolve(event.contract, volume=volume))


def bills_volumes_offline(steps: Sequence[Step]) -> Played:
    """Bill volumes for as long as they exist, whether or not their machine is there."""

    def told(market: Market, at: datetime, archive: Any, volumes: Any) -> Books:
        books = books_of(market, at, archive, volumes)
        rented = [each for place in market.machines.values() for each in place.volumes.values()]
        bills = {
            each.id: volume_statement(
                evolve(each.history, outages=()), Interval(each.contract.start, at)
            ).total
            for each in (*rented, *volumes.values())
            if each.contract.start < at
        }
        return evolve(books, bills={**books.bills, **bills})

    return playing(execute, told)(steps)


def forgets_volumes(steps: Sequence[Step]) -> Played:
    """Bill instances alone."""
    played = playing(execute)(steps)
    volumes = {event.contract.id for event in played.events if isinstance(event, e.VolumeRented)}
    bills = {key: bill for key, bill in played.books.bills.items() if key not in volumes}
    return evolve(played, books=evolve(played.books, bills=bills))


# -- promises ----------------------------------------------------------------------------------


def never_settles(steps: Sequence[Step]) -> Played:
    """Take the money of a promise into its escrow, and leave it there."""
    return without(e.PromiseSettled)(steps)


def pays_nothing_back(steps: Sequence[Step]) -> Played:
    """Keep the credit of a missed promise."""
    return playing(_unpaid)(steps)


def pays_back_the_last_day(steps: Sequence[Step]) -> Played:
    """Of several days that are settled at one look at the clock, pay back the last alone."""

    def last_alone(market: Market, command: c.Command, at: datetime) -> Done:
        _, events = execute(market, command, at)
        days = sorted({each.at for each in events if isinstance(each, e.PromiseSettled)})
        before: Sequence[e.Event] = ()
        if len(days) > 1:
            market, before = _unpaid(market, c.Tick(), days[-2])
        market, events = execute(market, command, at)
        return market, (*before, *events)

    return playing(last_alone)(steps)


def _unpaid(market: Market, command: c.Command, at: datetime) -> Done:
    """Settle days by a schedule that pays nothing back."""
    rules = evolve(market.settings.sla, credit=LinearCredit(points=[(0, 0), (1, 0)]))
    unpaid = evolve(market, settings=evolve(market.settings, sla=rules))
    after, events = execute(unpaid, command, at)
    return evolve(after, settings=market.settings), events


def pays_hosts_at_once(steps: Sequence[Step]) -> Played:
    """Keep no escrow: what is in it is the host's."""
    played = playing(execute)(steps)
    made = (each.contract for each in played.events if isinstance(each, e.ContractCreated))
    hosts, told = {each.id: each.host for each in made}, played.books
    balances = dict(told.balances)
    for key, amount in told.escrows.items():
        balances[hosts[key]] += amount
    return evolve(played, books=evolve(told, balances=balances, escrows={}))


def loses_escrows(steps: Sequence[Step]) -> Played:
    """Forget what is in escrows."""
    return told_by(lambda told: evolve(told, escrows={}))(steps)


# -- previews ----------------------------------------------------------------------------------


def forgets_what_is_due(market: Market, command: c.Command, at: datetime) -> views.Preview:
    """Preview the command alone."""
    return evolve(views.preview(market, command, at), due=())


def takes_all_for_extended(market: Market, command: c.Command, at: datetime) -> views.Preview:
    """Tell a host that nobody is asked."""
    told = views.preview(market, command, at)
    return evolve(told, verdicts=tuple(each for each in told.verdicts if each not in told.asked))


def says_nothing_of_the_skipped(market: Market, command: c.Command, at: datetime) -> views.Preview:
    """Name only those to whom something happens."""
    told = views.preview(market, command, at)
    return evolve(told, verdicts=(*told.extended, *told.asked))


def has_one_reason(market: Market, command: c.Command, at: datetime) -> views.Preview:
    """Say of all that are skipped that their client did not want it."""
    told = views.preview(market, command, at)
    why = NotExtended.OPTED_OUT
    verdicts = tuple(
        evolve(each, why=why) if each in told.skipped else each for each in told.verdicts
    )
    return evolve(told, verdicts=verdicts)


WRONG_MARKETS: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "market": (
        oversells,
        on_the_first_gpus,
        never_resumes,
        everyone_waits,
        any_time,
        at_the_next_look,
        newest_first,
        minutes_begun,
        numbers_are_used_up,
        half_done,
        refusals_cost_a_cent,
        fee_forgotten,
        cents,
        bills_in_cents,
        host_gets_all,
        tells_no_traffic,
        tells_no_loading,
        tells_no_rentals,
        tells_no_machines,
        oversells_the_disk,
        bills_volumes_offline,
        forgets_volumes,
        never_settles,
        pays_nothing_back,
        pays_hosts_at_once,
        loses_escrows,
    ),
    "preview": (
        forgets_what_is_due,
        takes_all_for_extended,
        says_nothing_of_the_skipped,
        has_one_reason,
    ),
}
