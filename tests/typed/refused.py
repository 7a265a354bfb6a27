"""What type checkers must refuse: each marked line, with mypy's error code, and no other."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from numgenius_core.bids import Claim, Resolution, resolve
from numgenius_core.contracts import InstanceEvent, InstanceState, advance
from numgenius_core.documents import from_json, structure, to_json, unstructure
from numgenius_core.ids import AccountId, ContractId, MachineId, OfferId
from numgenius_core.intervals import after, fixed_duration, parse_duration, parse_instant
from numgenius_core.listing import Listing, Machine, PriceTerms
from numgenius_core.market.commands import ListMachine, Rent
from numgenius_core.market.journal import command_from_json
from numgenius_core.money import Money
from numgenius_core.offer import Block, Offer
from numgenius_core.prices import CurveSchedule, refund
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.wire import (
    read_charges,
    read_earnings,
    read_instances,
    read_invoices,
    read_machines,
    read_offers,
    read_volumes,
)

gpu, bid, disk, traffic = PerGpuHour("1"), PerHour(1), PerGbMonth(Decimal(1)), PerGb("0.02")
hour = timedelta(hours=1)
total: Money = gpu * hour + hour * bid + disk * hour + traffic.charge(10**9) - Money("0.10") * 3
machine = MachineId(7)
terms = PriceTerms(gpu=gpu, storage=disk, upload=traffic, download=traffic, min_bid=gpu)
slice_ = Offer(id=OfferId(1), machine=machine, gpu_name="RTX 4090", gpus=4, prices=terms)
end = after(parse_instant("2026-01-31"), parse_duration("1 month"))
stay: timedelta = fixed_duration(parse_duration("3 days"))
block = Block(start=0, size=4)
claim = Claim.bidding(ContractId(5), block, bid, arrival=1)
answer = resolve([claim], floor=gpu)
off = CurveSchedule("0.4").discount(3)
text = to_json(claim)

computer = Machine(id=7, host="anna", gpu_name="RTX 4090", gpus=8)

# Money, rates, ids, time.
total + gpu  # refused: operator
gpu + total  # refused: operator
bid + gpu  # refused: operator
total + 1  # refused: operator
total * 0.5  # refused: operator
gpu * 2  # refused: operator
traffic * hour  # refused: operator
gpu < bid  # refused: operator
total < gpu  # refused: operator
Money(0.1)  # refused: arg-type
PerHour(0.1)  # refused: arg-type
PerHour.nearest(0.1)  # refused: arg-type
total.scaled(0.1)  # refused: arg-type
gpu.charge(1, 0.5)  # refused: arg-type
Money.sum([gpu])  # refused: list-item
PriceTerms(gpu=bid)  # refused: arg-type
PriceTerms(gpu=gpu, min_bid=bid)  # refused: arg-type
PriceTerms(gpu=gpu, storage=traffic)  # refused: arg-type
PriceTerms.from_host(platform_fee=0.25, gpu=gpu)  # refused: arg-type
PriceTerms.from_host(platform_fee="0.25")  # refused: call-arg
PriceTerms.from_host(platform_fee="0.25", gpu=traffic)  # refused: arg-type
PriceTerms.from_host(platform_fee="0.25", gpu=gpu, sotrage=traffic)  # refused: call-arg
slice_.with_prices(gpu)  # refused: arg-type
slice_.gpus = 8  # refused: misc
Block(start=0, size="2")  # refused: arg-type
after(stay, parse_duration("1 month"))  # refused: arg-type
after(end, 5)  # refused: arg-type

# Bids, contracts and claims.
Machine(id="7", host="anna", gpu_name="RTX 4090", gpus=8)  # refused: arg-type
Machine(id=7, host=7, gpu_name="RTX 4090", gpus=8)  # refused: arg-type
PriceTerms(gpu=gpu, platform_fee=0.25)  # refused: arg-type
Listing(machine=computer, prices=terms, max_discount=0.4)  # refused: arg-type
ListMachine(by="anna", machine=7, prices=terms, max_discount=0.4)  # refused: arg-type
Rent(by="ann", offer=8192, mode="reserved")  # refused: arg-type
round(total, 0.5)  # refused: call-overload
Claim.bidding(bid, block, bid, arrival=1)  # refused: arg-type
Claim.bidding(ContractId(5), block, ContractId(5), arrival=1)  # refused: arg-type
Claim.bidding(ContractId(5), block, gpu, arrival=1)  # refused: arg-type
resolve([claim], floor=bid)  # refused: arg-type
resolve([block])  # refused: list-item
CurveSchedule("0.4").deposit(gpu, 3)  # refused: arg-type
CurveSchedule("0.4").discount(0.5)  # refused: arg-type
refund(total, off, total, 3_600)  # refused: arg-type
advance(InstanceEvent.LOADED, InstanceState.LOADING)  # refused: arg-type
claim.bid = bid  # refused: misc

# Documents.
wrong: Block = from_json(text, Claim)  # refused: assignment
from_json(5, Claim)  # refused: call-overload
asked: Block = command_from_json(text)  # refused: assignment

# Readers.
read_offers(text, on_error="colect")  # refused: arg-type
read_machines(text, on_error="colect")  # refused: arg-type
read_instances(text, on_error="colect")  # refused: arg-type
read_charges(text, on_error="colect")  # refused: arg-type
read_invoices(text, on_error="colect")  # refused: arg-type
read_volumes(text, on_error="colect")  # refused: arg-type
read_earnings(text, on_error="colect")  # refused: arg-type
read_charges(text, naive="UTC")  # refused: arg-type
read_volumes(text, naive="UTC")  # refused: arg-type
read_earnings(text, by="week")  # refused: arg-type
