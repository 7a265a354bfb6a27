"""What a service asks of the instances and machines of a market: who has what, who runs and why."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from numgenius_core._checks import check_kind
from numgenius_core._numbers import as_int
from numgenius_core.bids.priority import Resolution, Verdict, explain, winning_bid
from numgenius_core.contracts.extension import PendingIncrease
from numgenius_core.errors import RuleViolation, UnknownId, WrongType, shown
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.market._renting import find_offer
from numgenius_core.market.instance import Instance
from numgenius_core.market.state import AN_INSTANCE, Account, MachineState, Market, latest
from numgenius_core.rates import PerHour

KT = TypeVar("KT")
VT = TypeVar("VT")


def market_of(market: Market) -> Market:
    check_kind(market, Market, "market")
    return market


_LIVING: Final = ("contract", f"{AN_INSTANCE} (of one that was destroyed, give archive=)")


def archived(
    gone: Mapping[KT, VT] | None,
    number: KT,
    there: Container[KT],
    path: str,
    kind: type[VT],
    living: tuple[str, str],
) -> VT | None:
    """Return what an archive has of a number that the market does not have, if anything.

    Raises:
        WrongType: The archive is no mapping, or has something else.
        UnknownId: The market does not have it, and no archive is given: with what is ``living``.
    """
    kept = archive_of(gone, path)
    if number in there:
        return None
    if gone is None:
        raise UnknownId(*living, shown(number))
    found = kept.get(number)
    if found is not None:
        check_kind(found, kind, f"{path}[{number}]")
    return found


def archive_of(gone: Mapping[KT, VT] | None, path: str) -> Mapping[KT, VT]:
    """Return an archive, an empty one if none is given.

    Raises:
        WrongType: It is no mapping.
    """
    if gone is None:
        return {}
    if not isinstance(gone, Mapping):
        raise WrongType(path, "a mapping", shown(gone))
    return gone


def gone_of(
    gone: Mapping[KT, VT] | None, path: str, kind: type[VT], there: Container[KT]
) -> dict[KT, VT]:
    """Return all of an archive that the market does not have.

    An archive may be newer than the market: a writer in another thread goes on to fill it. What is
    in both is one, as the market has it. It is copied at once, since it may grow meanwhile.

    Raises:
        WrongType: It is no mapping, or has something else.
    """
    kept = dict(archive_of(gone, path))
    for number, each in kept.items():
        check_kind(each, kind, f"{path}[{shown(number)}]")
    return {number: each for number, each in kept.items() if number not in there}


def check_archived(
    gone: object, path: str, lasts: Iterable[datetime | None], since: datetime | None = None
) -> None:
    """Refuse that an archive is left out where something may be missing.

    Args:
        gone: The archive; ``None`` if it is left out.
        path: What messages call it.
        lasts: When the last of what belongs there was destroyed or deleted, of several parts.
        since: What was gone before this instant is not asked for.

    Raises:
        RuleViolation: The archive is left out, and something is gone.
    """
    last = latest(lasts) if gone is None else None
    if last is not None and (since is None or last >= since):
        need = f"what is gone, the last of it at {last} ({path}={{}} leaves it out)"
        raise RuleViolation(path, need, "none")


def account_of(market: Market, name: AccountId) -> Account:
    """Return an account; raises ``UnknownId``."""
    check_kind(name, str, "account")
    return market_of(market).account(name)


def is_host(market: Market, account: AccountId) -> bool:
    """Return whether an account is a host's: whether it has machines; an unknown one has none.

    Raises:
        WrongType: ``market`` is no ``Market``, or ``account`` no text.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> market, _ = execute(Market(), do.AddMachine(machine=machine), at)
    >>> views.is_host(market, "hanna"), views.is_host(market, "ann")
    (True, False)
    """
    check_kind(account, str, "account")
    found = market_of(market).accounts.get(account)
    return found is not None and bool(found.machines)


def machine(market: Market, machine: MachineId) -> MachineState:
    """Return a machine; raises ``UnknownId``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> market, _ = execute(Market(), do.AddMachine(machine=machine), at)
    >>> views.machine(market, 1).machine.gpu_name, views.machine(market, 1).listing is None
    ('A100', True)
    """
    return market_of(market).machine(machine)


def machines_of(market: Market, host: AccountId) -> tuple[MachineState, ...]:
    """Return the machines of an account, in the order it added them; raises ``UnknownId``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> machine = Machine(id=1, host="hanna", gpu_name="A100", gpus=4)
    >>> market, _ = execute(Market(), do.AddMachine(machine=machine), at)
    >>> [machine.id for machine in views.machines_of(market, "hanna")]
    [1]
    """
    return tuple(market.machines[each] for each in account_of(market, host).machines)


def instance(
    market: Market, contract: ContractId, *, archive: Mapping[ContractId, Instance] | None = None
) -> Instance:
    """Return an instance that exists, or one that was destroyed.

    Args:
        market: The market.
        contract: Its number.
        archive: Where the caller keeps destroyed instances: the state forgets them.

    Raises:
        UnknownId: There is no such instance, nor one in the archive.
        WrongType: ``contract`` is no number, or ``archive`` no mapping.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> views.instance(market, 2).state
    <InstanceState.LOADING: 'loading'>
    """
    contract = as_int(contract)
    check_kind(contract, int, "contract")
    gone = archived(archive, contract, market_of(market).homes, "archive", Instance, _LIVING)
    return market.living(contract) if gone is None else gone


def instances_of(market: Market, client: AccountId) -> tuple[Instance, ...]:
    """Return the instances of an account that exist, the oldest first; raises ``UnknownId``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> [(instance.id, instance.state.value) for instance in views.instances_of(market, "ann")]
    [(2, 'loading')]
    """
    return tuple(market.living(each) for each in sorted(account_of(market, client).instances))


def who_runs(market: Market, machine: MachineId) -> Resolution:
    """Return who runs and who waits on a machine, with the reasons; raises ``UnknownId``.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Machine, Market, Mode, Money, PerGpuHour, PerHour, PriceTerms, execute,
    ... )
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.90")),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> answer = views.who_runs(market, 1)
    >>> answer.runs(2), answer.waiting
    (True, ())
    """
    return market_of(market).machine(machine).resolution


def why_waiting(market: Market, contract: ContractId) -> Verdict:
    """Return why an instance waits for its GPUs, and the bid that would win them.

    Raises:
        UnknownId: There is no such instance.
        RuleViolation: It does not wait.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Machine, Market, Mode, Money, PerGpuHour, PerHour, PriceTerms, execute,
    ... )
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.AddCredit(account="bob", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.90")),
    ...     do.Rent(by="bob", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.80")),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> verdict = views.why_waiting(market, 3)
    >>> print(verdict.why.value, verdict.winning_bid)
    outbid 0.900000001
    """
    found = market_of(market).living(contract)
    if not found.claims:
        got = f"one that is {found.state.value}"
        raise RuleViolation(f"contract {contract}", "an instance that waits", got)
    machine = market.machine(found.contract.machine)
    return explain(found.claim, machine.running, machine.floor)


def winning_bid_of(market: Market, offer: OfferId) -> PerHour | None:
    """Return the lowest bid that would run on an offer now, ``None`` if none would.

    Raises:
        UnknownId: There is no such offer.

    >>> from datetime import UTC, datetime
    >>> from numgenius_core import (
    ...     Machine, Market, Mode, Money, PerGpuHour, PerHour, PriceTerms, execute,
    ... )
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=PriceTerms(gpu=PerGpuHour("2.00"))),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.INTERRUPTIBLE, bid=PerHour("0.90")),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> print(views.winning_bid_of(market, 8192))
    0.900000001
    """
    found, _, block = find_offer(market_of(market), offer)
    return winning_bid(block, found.running, found.floor)


def increases_of(market: Market, client: AccountId) -> tuple[tuple[int, PendingIncrease], ...]:
    """Return the price increases that wait for an account, with their numbers, oldest first.

    Raises:
        UnknownId: There is no such account.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import Machine, Market, Mode, Money, PerGpuHour, PriceTerms, execute
    >>> from numgenius_core.market import commands as do, views
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> end, later = at + timedelta(days=30), at + timedelta(days=60)
    >>> low, high = PriceTerms(gpu=PerGpuHour("2.00")), PriceTerms(gpu=PerGpuHour("2.50"))
    >>> market = Market()
    >>> for command in (
    ...     do.AddMachine(machine=Machine(id=1, host="hanna", gpu_name="A100", gpus=4)),
    ...     do.ListMachine(by="hanna", machine=1, prices=low, end=end),
    ...     do.AddCredit(account="ann", amount=Money(10)),
    ...     do.Rent(by="ann", offer=8192, mode=Mode.ON_DEMAND),
    ...     do.ListMachine(by="hanna", machine=1, prices=high, end=later),
    ... ):
    ...     market, _ = execute(market, command, at)
    >>> for number, pending in views.increases_of(market, "ann"):
    ...     print(number, *pending.raised)
    4 gpu 2.00 → 2.50
    """
    numbers = sorted(each.increase for each in instances_of(market, client) if each.increase)
    return tuple((number, market.asking(number).increases[number]) for number in numbers)
