"""What type checkers must accept; ``test_typing.py`` runs mypy over it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl

from numgenius_core import ResultTable, frames
from numgenius_core.bids import Claim, Resolution, resolve
from numgenius_core.contracts import InstanceEvent, InstanceState, advance
from numgenius_core.documents import from_json, json_schema, structure, to_json, unstructure
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import after, fixed_duration, parse_duration, parse_instant
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.market import Instance, Market, VolumeArchive, execute, views
from numgenius_core.market.commands import AddCredit, AnyCommand, Command, ListMachine, Tick
from numgenius_core.market.events import Event
from numgenius_core.market.journal import command_from_json
from numgenius_core.market.logs import Later, MemoryLog, Writer
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.prices import CurveSchedule, refund
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour

gpu, bid, disk, traffic = PerGpuHour("1"), PerHour(1), PerGbMonth(Decimal(1)), PerGb("0.02")
hour = timedelta(hours=1)
start = datetime(2026, 1, 1, tzinfo=UTC)

# Money and rates.
total: Money = gpu * hour + hour * bid + disk * hour + traffic.charge(10**9) - Money("0.10") * 3
whole: Money = Money.sum([total, total])
both = sum([total, total])
share: Fraction = total / whole
cents: int = total.cents()
parts: tuple[Money, ...] = total.allocate([1, 2])
four: PerHour = gpu.for_gpus(4)
one: PerGpuHour = four.per_gpu(4)
dearer: bool = gpu > one and bid < four and total >= whole
lower: PerGpuHour = gpu.scaled(Fraction(3, 5)) + one

# A price of another unit, an id of another thing.
machine = MachineId(7)
terms = PriceTerms(gpu=gpu, storage=disk, upload=traffic, download=traffic, min_bid=gpu)
Machine(id=machine, host=AccountId("anna"), gpu_name="RTX 4090", gpus=8)
slice_ = Offer(id=OfferId(1), machine=machine, gpu_name="RTX 4090", gpus=4, prices=terms)

# Ids and shares as people type them.
computer = Machine(id=7, host="anna", gpu_name="RTX 4090", gpus=8)
taken = PriceTerms(gpu=gpu, platform_fee="0.25")
listing = Listing(machine=computer, prices=taken, max_discount="0.4")
listed = ListMachine(by="anna", machine=7, prices=taken, max_discount=Decimal("0.4"))
exact: list[Fraction] = [taken.platform_fee, listing.max_discount, listed.max_discount]
kept: dict[int, Instance] = {}
market, events = execute(Market(), AddCredit(account="ann", amount=total), start, archive=kept)
credit: Money = views.balance(market, "ann", start)
dollars: float = float(total) + float(gpu)
rounded: Money = round(total, 2)
whole_dollars: int = round(total)

# Time.
end = after(parse_instant("2026-01-31"), parse_duration("1 month"))
stay: timedelta = fixed_duration(parse_duration("3 days"))
# Bids, contracts and claims.
block = Block(start=0, size=4)
claim = Claim.bidding(ContractId(5), block, bid, arrival=1)
answer: Resolution = resolve([claim], floor=gpu)
runs: bool = answer.runs(ContractId(5))
price: PerHour | None = answer.winning_bid(block)
off: Fraction = CurveSchedule("0.4").discount(3)
back: Money = refund(bid, off, total, 3_600).refund
state: InstanceState = advance(InstanceState.LOADING, InstanceEvent.LOADED)

# Documents.
text: str = to_json(claim)
again: Claim = from_json(text, Claim)
whatever: Claim | Block = structure(unstructure(claim), Claim)
asked: Command = command_from_json(to_json(AddCredit(account="ann", amount=total)))
gone: VolumeArchive = {}
market, events = execute(Market(), asked, start, volumes=gone)
described: dict[str, object] = json_schema(Command) | json_schema(Claim)

# Frames: what comes back is of the class that was given.
market_frame = pl.DataFrame({"num_gpus": [1], "dph_base": [1.0], "credit_discount_max": [0.4]})
priced: pl.DataFrame = frames.quote(market_frame, timedelta(hours=1))
shown: pl.DataFrame = frames.dollars(frames.payout(priced, "quote_total", "0.25"), "host_payout")
named = frames.Columns(verification=None)
cut: pl.DataFrame = frames.slices(market_frame, min_gpu="num_gpus")
lazily: pl.LazyFrame = frames.reserve(market_frame.lazy(), 1, columns=named)


# Who wraps a function can annotate what it takes and gives.
def carried_out(*commands: AnyCommand | Later) -> tuple[Event, ...]:
    return Writer(MemoryLog()).execute(*commands, at=start)


def changes_of(command: AnyCommand) -> ResultTable:
    return views.preview(Market(), command, start).table()


payment = AddCredit(account="ann", amount=Money(1))
several = [payment, Tick()]
carried_out(*several, lambda _: payment)
changes_of(several[0])
