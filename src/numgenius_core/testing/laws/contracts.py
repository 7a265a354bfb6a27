"""Laws of contracts: their life, extension, and disk."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import evolve
from hypothesis import strategies as st

from numgenius_core.contracts.contract import Contract, is_later
from numgenius_core.contracts.extension import extend
from numgenius_core.contracts.life import NEXT, InstanceEvent, InstanceState
from numgenius_core.contracts.storage import Disk
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.listing import Listing, Machine, Mode, PriceTerms as Prices
from numgenius_core.offer import Block
from numgenius_core.rates import PerGb, PerGbMonth, PerGpuHour, PerHour
from numgenius_core.testing.law import Implementation, Law, Rule, number
from numgenius_core.testing.strategies import EPOCH

_DAY: Final = timedelta(days=1)

# -- the life of an instance -------------------------------------------------------------------

_STATES: Final = (
    "loading → running ⇄ paused (by priority) ⇄ stopped (by the client); → expired at the end "
    "date → destroyed (any time, by the client)"
)
_RESTART: Final = "restarting waits (scheduling) until its GPUs are free"
_OVER: Final = frozenset({InstanceState.EXPIRED, InstanceState.DESTROYED})


def _next(
    implementation: Implementation, state: InstanceState, event: InstanceEvent
) -> InstanceState | None:
    answer = implementation(state, event)
    return None if answer is None else InstanceState(answer)


def _ends(implementation: Implementation, state: InstanceState, event: InstanceEvent) -> str | None:
    """Expiry ends what lives, destruction everything, and nothing leaves the end."""
    after = _next(implementation, state, event)
    if event is InstanceEvent.DESTROYED and state is not InstanceState.DESTROYED:
        expected: InstanceState | None = InstanceState.DESTROYED
    elif state in _OVER:
        expected = None
    elif event is InstanceEvent.EXPIRED:
        expected = InstanceState.EXPIRED
    else:
        return None if after not in _OVER else f"it is {after.value}"
    return None if after is expected else f"it is {after and after.value}, not {expected}"


def _by_the_client(
    implementation: Implementation, state: InstanceState, event: InstanceEvent
) -> str | None:
    after = _next(implementation, state, event)
    if state in _OVER or event not in {InstanceEvent.STOPPED, InstanceEvent.STARTED}:
        return None
    if event is InstanceEvent.STARTED:
        expected = InstanceState.SCHEDULING if state is InstanceState.STOPPED else None
    else:
        expected = None if state is InstanceState.STOPPED else InstanceState.STOPPED
    return None if after is expected else f"it is {after and after.value}, not {expected}"


def _by_priority(
    implementation: Implementation, state: InstanceState, event: InstanceEvent
) -> str | None:
    expected = {
        (InstanceState.LOADING, InstanceEvent.LOADED): InstanceState.RUNNING,
        **{
            (s, InstanceEvent.RESUMED): InstanceState.RUNNING
            for s in (InstanceState.PAUSED, InstanceState.SCHEDULING)
        },
        **{
            (s, InstanceEvent.PREEMPTED): InstanceState.PAUSED
            for s in (InstanceState.LOADING, InstanceState.RUNNING, InstanceState.SCHEDULING)
        },
    }.get((state, event))
    if event not in {InstanceEvent.LOADED, InstanceEvent.RESUMED, InstanceEvent.PREEMPTED}:
        return None
    after = _next(implementation, state, event)
    return None if after is expected else f"it is {after and after.value}, not {expected}"


LIFE: Final = Rule(
    name="life",
    signature=(
        "(state: InstanceState, event: InstanceEvent) -> InstanceState, or its value, or None"
    ),
    cases=st.tuples(st.sampled_from(InstanceState), st.sampled_from(InstanceEvent)),
    laws=(
        Law(name="how it ends", sentence=_STATES, check=_ends),
        Law(name="what the client does", sentence=f"{_STATES}; {_RESTART}", check=_by_the_client),
        Law(name="what priority does", sentence=_STATES, check=_by_priority),
    ),
    ours=lambda state, event: NEXT[state].get(event),
)
"""The state of an instance after an event."""


# -- extension ---------------------------------------------------------------------------------

_SAME_OR_LOWER: Final = (
    "to extend all current contracts on a machine, change the end date to a later time with the "
    "same or lower pricing"
)
_RAISED: Final = "with raised pricing, current contracts cannot be extended"
_LOCKED: Final = "a shorter end date or a new price never changes an existing contract"
_PARTS: Final = ("storage", "upload", "download", "platform_fee")

_near = st.sampled_from(["0", "0.5", "1", "1.999999999999", "2", "2.000000000001"])


@st.composite
def _prices(draw: st.DrawFn) -> Prices:
    return Prices(
        gpu=PerGpuHour(draw(_near)) + PerGpuHour(3),
        storage=PerGbMonth(draw(_near)),
        upload=PerGb(draw(_near)),
        download=PerGb(draw(_near)),
        min_bid=PerGpuHour(draw(st.sampled_from(["0", "0", "0.5", "1"]))),
        platform_fee=draw(st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(3, 10)])),
    )


@st.composite
def _relisted(draw: st.DrawFn) -> tuple[Contract, Listing, datetime]:
    """Draw a contract, a new listing of its machine, and the time of that."""
    locked = draw(_prices())
    new = locked if draw(st.booleans()) else draw(_prices())
    if draw(st.booleans()):  # one part is raised or lowered, perhaps by the least there is
        part = draw(st.sampled_from(["gpu", "gpu", "min_bid", *_PARTS]))
        new = evolve(locked, **{part: getattr(draw(_prices()), part)})
    bid = draw(st.none() | st.sampled_from([PerHour("0.5"), PerHour(4), PerHour(4)]))
    contract = Contract(
        id=ContractId(1),
        machine=MachineId(7),
        host=AccountId("host"),
        client=AccountId("client"),
        mode=Mode.ON_DEMAND if bid is None else Mode.INTERRUPTIBLE,
        block=Block(size=draw(st.integers(1, 4)), start=0),
        prices=locked,
        start=EPOCH,
        end=draw(st.none() | st.integers(1, 90).map(lambda n: EPOCH + n * _DAY)),
        bid=bid,
    )
    machine = Machine(id=contract.machine, host=contract.host, gpu_name="A100", gpus=8)
    near = (contract.end or EPOCH) + draw(st.integers(-9, 90)) * _DAY
    end = draw(st.sampled_from([None, near, near]))
    at = EPOCH + draw(st.integers(0, 20)) * _DAY
    return contract, Listing(machine=machine, prices=new, end=end), at


def _raises(contract: Contract, prices: Prices) -> bool:
    """Return whether a new listing raises anything that the contract compares."""
    if any(getattr(prices, part) > getattr(contract.prices, part) for part in _PARTS):
        return True
    if contract.bid is None:
        return prices.gpu > contract.prices.gpu
    return prices.min_bid.for_gpus(contract.block.size) > contract.bid


def _may(contract: Contract, listing: Listing, at: datetime) -> bool:
    alive = contract.end is not None and contract.end > at
    return alive and is_later(listing.end, contract.end)


def _to_the_new_end(
    implementation: Implementation, contract: Contract, listing: Listing, at: datetime
) -> str | None:
    end = implementation(contract, listing, at)
    if not _may(contract, listing, at) or _raises(contract, listing.prices):
        return None
    return None if end == listing.end else f"it ends {end}, not {listing.end}"


def _not_when_raised(
    implementation: Implementation, contract: Contract, listing: Listing, at: datetime
) -> str | None:
    end = implementation(contract, listing, at)
    if _raises(contract, listing.prices) and end != contract.end:
        return f"it ends {end} and not {contract.end}, though a price was raised"
    return None


def _never_changed_otherwise(
    implementation: Implementation, contract: Contract, listing: Listing, at: datetime
) -> str | None:
    end = implementation(contract, listing, at)
    if not _may(contract, listing, at) and end != contract.end:
        return f"it ends {end}, not {contract.end} as agreed"
    return None


EXTENSION: Final = Rule(
    name="extension",
    signature="(contract: Contract, new: Listing, at: datetime) -> its end now, None for never",
    cases=_relisted(),
    laws=(
        Law(name="extended to the new end", sentence=_SAME_OR_LOWER, check=_to_the_new_end),
        Law(name="not at a raised price", sentence=_RAISED, check=_not_when_raised),
        Law(name="else as agreed", sentence=_LOCKED, check=_never_changed_otherwise),
    ),
    ours=lambda contract, listing, at: (
        extend([contract], listing, at=at, ask=False).contracts[0].end
    ),
)
"""When a contract ends after a new listing that asks nobody (G9)."""


# -- disk --------------------------------------------------------------------------------------

_AVAILABLE: Final = (
    "available = total − allocated (instances and rented volumes); an offer's disk = available × "
    "n/T"
)
_VOLUME: Final = "a volume offer = min(listed − rented, available)"


@st.composite
def _disks(draw: st.DrawFn) -> tuple[int, int, int, int, int, int]:
    """Draw total, stored, rented and listed MB, and GPUs of an offer and of its machine."""
    total = draw(st.sampled_from([1_000, 1_000_000]))
    stored = draw(st.integers(0, total))
    rented = draw(st.integers(0, total - stored))
    of = draw(st.integers(1, 8))
    return total, stored, rented, draw(st.integers(0, total)), draw(st.integers(1, of)), of


def _share(implementation: Implementation, *case: int) -> str | None:
    total, stored, rented, _, gpus, of = case
    offer, _ = implementation(*case)
    exact = Fraction((total - stored - rented) * gpus, of)
    found = number(offer)
    return None if exact - 1 < found <= exact else f"the offer has {found} MB, not {exact}"


def _volume(implementation: Implementation, *case: int) -> str | None:
    total, stored, rented, listed, _, _ = case
    _, volume = implementation(*case)
    exact = max(0, min(listed - rented, total - stored - rented))
    return None if number(volume) == exact else f"the volume is {volume} MB, not {exact}"


def _our_disk(*case: int) -> tuple[int, int]:
    total, stored, rented, listed, gpus, of = case
    disk = Disk(total_mb=total, instances_mb=stored, volumes_mb=rented, listed_mb=listed)
    return disk.offer_mb(gpus, of), disk.volume_offer_mb


STORAGE: Final = Rule(
    name="storage",
    signature="(total, stored, rented, listed: int MB, gpus: int, of: int) "
    "-> (disk of an offer, largest volume: int MB)",
    cases=_disks(),
    laws=(
        Law(name="an offer's share", sentence=_AVAILABLE, check=_share),
        Law(name="a volume", sentence=_VOLUME, check=_volume),
    ),
    ours=_our_disk,
)
"""What disk an offer and a volume get."""
