"""What every log promises: checks that take a fresh log, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from market_world import ANN, BOB, HOST, START, prices, second
from numgenius_core.errors import Conflict, RuleViolation
from numgenius_core.ids import ContractId, MachineId
from numgenius_core.listing import Machine, Mode
from numgenius_core.market import Market, commands as c, execute, find_events, replay
from numgenius_core.market.events import ContractCreated, CreditAdded
from numgenius_core.market.logs import Checkpoint, Entry, Log, Reply, Writer
from numgenius_core.money import Money

Opens = Callable[[], Log]
"""Opens the same log once more, as another process does."""


def paid(dollars: int) -> CreditAdded:
    """Return an event that needs nothing before it."""
    return CreditAdded(at=START, account=ANN, amount=Money(dollars))


def keeps_the_order(opens: Opens) -> None:
    """What was appended is read in its order, from any event on, by whoever opens the log."""
    log = opens()
    assert (log.version, list(log.read()), log.checkpoint()) == (0, [], None)
    log.append(0, [Entry(due=[paid(1)], events=[paid(2)]), Entry(events=[paid(3)])])
    log.append(3, [Entry(events=[])])
    log.append(3, [Entry(events=[paid(4)])])
    for each in (log, opens()):
        assert each.version == 4
        assert list(each.read()) == [paid(n) for n in (1, 2, 3, 4)]
        assert list(each.read(3)) == [paid(4)]
        assert list(each.read(4)) == []


def refuses_who_is_behind(opens: Opens) -> None:
    """Who has seen fewer events than there are, or more, changes nothing and learns the number."""
    log, other = opens(), opens()
    log.append(0, [Entry(events=[paid(1)])])
    for expected in (0, 2):
        with pytest.raises(Conflict) as caught:
            other.append(expected, [Entry(events=[paid(2)], command_id="late")])
        assert (caught.value.expected, caught.value.found) == (expected, 1)
        assert str(caught.value) == f"the log has 1 events, not the {expected} that were expected"
    assert list(other.read()) == [paid(1)]
    assert other.reply("late") is None


def remembers_answers(opens: Opens) -> None:
    """An id has the events of its request, without what had come due; an empty answer is one."""
    log = opens()
    first = Entry(due=[paid(1)], events=[paid(2), paid(3)], command_id="a", text="two")
    log.append(0, [first, Entry(events=[paid(4)]), Entry(events=[], command_id="b")])
    for each in (log, opens()):
        assert each.reply("a") == Reply((paid(2), paid(3)), "two")
        assert each.reply("b") == Reply(())
        assert each.reply("c") is None


def shortens_the_next_start(opens: Opens) -> None:
    """A checkpoint comes back with all that the market forgets, and the latest one counts."""
    log = opens()
    one = furnished(log)
    (number,) = rent(one, "rent")
    one.execute(c.Destroy(by=ANN, contract=number), at=second(9))
    assert one.checkpoint() == log.checkpoint()
    one.execute(c.AddCredit(account=ANN, amount=Money(7)), at=second(10))
    kept = opens().checkpoint()
    assert kept is not None
    assert (kept.market.version, kept.market.now) == (one.market.version - 1, second(9))
    assert list(kept.instances) == [number]
    assert kept.instances[number] == one.instances[number]
    again = Writer(opens())
    assert (again.market, again.instances) == (one.market, one.instances)
    again.checkpoint()
    latest = opens().checkpoint()
    assert latest is not None
    assert latest.market == one.market


def furnished(log: Log) -> Writer:
    """Return a writer in whose market two can pay, and two GPUs are on offer."""
    writer = Writer(log)
    for name in (ANN, BOB):
        writer.execute(c.AddCredit(account=name, amount=Money(100)), at=START)
    machine = Machine(id=MachineId(1), host=HOST, gpu_name="RTX 4090", gpus=2, disk_mb=100_000)
    writer.execute(c.AddMachine(machine=machine), at=START)
    writer.execute(c.ListMachine(by=HOST, machine=machine.id, prices=prices()), at=START)
    return writer


def rent(writer: Writer, command_id: str | None = None) -> Sequence[ContractId]:
    """Rent the first free GPU on demand; return the contract's number."""
    offer = writer.catch_up().machine(MachineId(1)).offer_id(0)
    command = c.Rent(by=ANN, offer=offer, mode=Mode.ON_DEMAND, disk_mb=1_000)
    events = writer.execute(command, at=second(1), command_id=command_id)
    return [event.contract.id for event in find_events(events, ContractCreated)]


def sells_a_gpu_once(opens: Opens) -> None:
    """Two writers who both know a free GPU sell it once, and both know it afterwards."""
    one, two = furnished(opens()), Writer(opens())
    stale = two.market
    (number,) = rent(one)
    with pytest.raises(RuleViolation, match="nobody has rented"):
        rent(two)
    assert two.market == one.market == replay(opens().read())
    assert list(two.market.machine(MachineId(1)).instances) == [number]
    market, events = execute(stale, c.Tick(), second(1))  # what two would have done, unseen
    with pytest.raises(Conflict):
        two.log.append(market.version, [Entry(events=events)])


def answers_a_repeated_request_once(opens: Opens) -> None:
    """Asked again, by any writer and after a restart, a request gives its first answer."""
    one, two = furnished(opens()), Writer(opens())
    first = rent(one, "order 7")
    assert rent(two, "order 7") == first
    assert rent(Writer(opens()), "order 7") == first
    assert len(find_events(opens().read(), ContractCreated)) == 1


EVERY_LOG: Sequence[Callable[[Opens], None]] = (
    keeps_the_order,
    refuses_who_is_behind,
    remembers_answers,
    shortens_the_next_start,
    sells_a_gpu_once,
    answers_a_repeated_request_once,
)
"""What a log has to pass; each takes how a fresh log is opened."""


def empty() -> Checkpoint:
    """Return a checkpoint of a market in which nothing has happened."""
    return Checkpoint(market=Market())
