"""What a host asks on the page "Try it": what to charge, when to stop, what to promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from attrs import evolve

from fields import BadField, Form, answered, chart, section, table
from numgenius_core import (
    Block,
    Contract,
    Interval,
    Listing,
    Machine,
    Mode,
    PerGpuHour,
    PriceTerms,
)
from numgenius_core.gpus import offer_sizes
from numgenius_core.maintenance import Weights, best_window
from numgenius_core.planning import Outlook, extend_or_relist
from numgenius_core.sla import (
    OutageRate,
    Promise,
    advise_promise,
    estimate_uptime,
    simulate_outages,
)
from numgenius_core.whatif import (
    PRESETS,
    Option,
    Outcome,
    PerKwh,
    Power,
    Scenario,
    Sweep,
    preset_demand,
    sweep,
    vary,
)
from numgenius_core.wire import HostMachine

_MINUTE: Final = "%Y-%m-%dT%H:%M"
_MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
BELOW_ALL: Final = "a percentage from 0 to below 100"
_GROSS: Final = Weights(contracts=Fraction(1), payout=Fraction(1, 1_000_000))


def host(form: Form) -> dict[str, Any]:
    """Return what the rules say about a machine, without any simulation.

    Args:
        form: The fields of the page's second half.
    """
    found = answered(
        [
            ("slices", "How it is cut", lambda: _slices(form)),
            ("stop", "May I stop the machine?", lambda: _stop(form)),
            ("extending", "Extend the clients, or let them go?", lambda: _extending(form)),
            ("promise", "Is a promise of uptime worth it?", lambda: _promise(form)),
        ]
    )
    try:
        _listing(form)  # also what only the simulation asks for
    except BadField as fault:
        found.setdefault("errors", {}).setdefault(fault.field, fault.sentence)
    return found


def machine_fields(one: HostMachine, now: datetime) -> dict[str, str | None]:
    """Return what the fields of the machine hold, by a row of the file; ``None`` as at first.

    Every field that any row fills is there, so that nothing stays of the machine before.

    Args:
        one: The machine.
        now: When it is asked about; the next Saturday, 10:00 UTC, is when it might be stopped.
    """
    saturday = now.replace(hour=10, minute=0) + timedelta(days=(5 - now.weekday()) % 7)
    if saturday <= now:
        saturday += timedelta(days=7)
    found: dict[str, str | None] = dict.fromkeys(("price", "min_gpu", "discount", "end"))
    found |= {"machine_gpus": str(one.machine.gpus), "rented": _rented(one, now)}
    found |= {"now": f"{now:{_MINUTE}}", "stop": f"{saturday:{_MINUTE}}"}
    found["client_end"] = "" if one.client_end is None else _field(one.client_end)
    if one.listing is not None:
        end = one.listing.end  # one that rolls is no date: who rents later stays longer
        found |= {"price": str(one.listing.prices.gpu), "min_gpu": str(one.listing.min_gpu)}
        found |= {"discount": _percent(one.listing.max_discount)}
        found |= {"end": "" if end is None else _field(end)}
    return found


def _rented(one: HostMachine, now: datetime) -> str:
    """Return how many GPUs clients have, nothing if the file does not say whether they have some.

    All of them are rented, where a file only says that some are.
    """
    if one.occupancy is not None:
        return str(sum(letter != "x" for letter in one.occupancy))
    if one.client_end is None:
        return ""
    return str(one.machine.gpus if one.client_end > now else 0)


def _field(end: datetime) -> str:
    """Return an end as a field takes it, to its second: a minute cut off is one too early."""
    return f"{end:{_MINUTE}:%S}".removesuffix(":00")


def _percent(share: Fraction) -> str:
    """Return a share in percent as a field takes it, and a person reads it."""
    return f"{float(100 * share):.7f}".rstrip("0").removesuffix(".")


def _machine(form: Form) -> Machine:
    return Machine(id=1, host="me", gpu_name="GPU", gpus=form.whole("machine_gpus", 1, 64))


def _prices(form: Form) -> PriceTerms:
    price, fee = form.read("price", PerGpuHour), form.share("fee")
    return form.read("fee", lambda _: PriceTerms(gpu=price, platform_fee=fee), BELOW_ALL)


def _end(form: Form) -> datetime | None:
    return form.instant("end") if form.text("end") else None


def _offered(form: Form) -> Listing:
    """Return how a machine is offered, for who asks neither for the fee nor for the discount."""
    machine, price = _machine(form), form.read("price", PerGpuHour)
    min_gpu = form.whole("min_gpu", 1, 64)
    return form.read(
        "min_gpu",
        lambda _: Listing(machine=machine, prices=PriceTerms(gpu=price), min_gpu=min_gpu),
    )


def _listing(form: Form) -> Listing:
    offered, prices, end = _offered(form), _prices(form), _end(form)
    discount = form.share("discount")
    return form.read(
        "discount",
        lambda _: evolve(offered, prices=prices, max_discount=discount, end=end),
        BELOW_ALL,
    )


def _slices(form: Form) -> dict[str, Any]:
    listing = _offered(form)
    sizes = offer_sizes(listing.machine.gpus, listing.min_gpu)
    rows = []
    for size in sorted(set(sizes)):
        price = listing.prices.gpu.for_gpus(size)
        rows.append([f"{'▮' * size}", str(size), str(sizes.count(size)), f"{price}"])
    said = [f"The machine is offered as {' '.join(map(str, sizes))}."]
    return {"text": said, "table": table(["slice", "GPUs", "offers", "$ an hour"], rows)}


def _clients(form: Form, prices: PriceTerms) -> list[Contract]:
    """Return the clients of the machine as one contract that lasts as long as the last of them."""
    rented = form.whole("rented", 0, _machine(form).gpus)
    if not rented:
        return []
    now, end = form.instant("now"), form.instant("client_end")
    if end <= now:
        got = form.text("client_end")
        raise BadField("client_end", f"need later than {_field(now)} (now), got {got}")
    return [
        Contract(
            id=1,
            machine=1,
            host="me",
            client="clients",
            mode=Mode.ON_DEMAND,
            block=Block(start=0, size=rented),
            prices=prices,
            start=now - timedelta(days=1),
            end=end,
        )
    ]


def _stop(form: Form) -> dict[str, Any]:
    clients = _clients(form, PriceTerms(gpu=form.read("price", PerGpuHour)))
    length = timedelta(hours=form.whole("stop_hours", 1, 720))
    start, now, end = form.instant("stop"), form.instant("now"), _end(form)
    if start < now:
        raise BadField("stop", f"need {_field(now)} (now) or later, got {form.text('stop')}")
    asked = best_window(clients, length, Interval(start, start + length), weights=_GROSS)
    if not asked.is_free:
        said = [
            (
                f"No: clients are there from {asked.window}. Stopping then takes "
                f"{float(asked.gpu_hours):.1f} GPU-hours from them, worth ${asked.payout:.2f}."
            )
        ]
    elif _nobody_new(end, start):
        said = [f"Yes: nobody is disturbed from {asked.window}."]
    else:
        said = [
            (
                "Yes, if you take no new clients until then: nobody who rents now is disturbed "
                f"from {asked.window}."
            )
        ]
    last = max([now, *(each.end for each in clients if each.end is not None)])
    free = best_window(clients, length, Interval(now, last + length), weights=_GROSS)
    return {"text": said + _first(free.window, end, bool(clients))}


def _first(window: Interval, end: datetime | None, in_use: bool) -> list[str]:
    """Say which time is the first that disturbs nobody, and what makes it sure.

    Rule (hosting guide, G11): "Unlisting prevents new contracts. With a current rental, set the
    end date to the client end date, so that others can rent until the same date".
    """
    if _nobody_new(end, window.start):
        said = [f"The first time that is sure to disturb nobody is {window}."]
    else:
        until = "without an end" if end is None else f"until {end:%Y-%m-%d %H:%M:%S} UTC"
        said = [
            f"The first time that can be made sure to disturb nobody is {window}.",
            (
                "Until then take no new clients: unlist, or let the listing end at that time. As "
                f"it is listed now, free GPUs can be rented {until}."
            ),
        ]
    if in_use:
        said.append(
            "It is sure only if nobody is extended until then: an end date that rolls does so each "
            "day, until the machine is unlisted or listed to end at that time."
        )
    return said


def _nobody_new(end: datetime | None, time: datetime) -> bool:
    """Say whether who rents from now on has left at a time, because the listing has ended."""
    return end is not None and end <= time


def _extending(form: Form) -> dict[str, Any]:
    prices, end = _prices(form), _end(form)
    clients = _clients(form, prices)
    if not clients:
        return {"text": ["Nobody rents: there is nobody to extend."]}
    if end is None:
        return {"text": ["The machine has no end date: there is nothing to extend to."]}
    if end <= form.instant("client_end"):
        why = "The listing ends before its last client leaves: there is nothing to extend to."
        return {"text": [why]}
    again = PriceTerms(gpu=form.read("again", PerGpuHour), platform_fee=prices.platform_fee)
    outlook = Outlook(
        vacancy=timedelta(days=form.whole("vacancy", 0, 365)), prices=again, share=form.share("let")
    )
    plan = extend_or_relist(clients[0], end, outlook)
    said = [
        (
            f"Over {plan.period}, extending earns ${plan.extend:.2f} and relisting "
            f"${plan.relist:.2f}: {plan.better}."
        )
    ]
    if plan.break_even is not None:
        days = plan.break_even / timedelta(days=1)
        said.append(f"Both are equal if the GPUs stand empty for {days:.1f} days.")
    return {"text": said}


def _promise(form: Form) -> dict[str, Any]:
    outages, length = form.number("outages", 0, 60), form.hours("outage_hours", 240)
    days = 90
    rate = OutageRate(per_day=Fraction(outages) / 30, length=length)
    rental = Interval(_MONDAY, _MONDAY + timedelta(days=days))
    target, prices = _target(form), _prices(form)
    whole = prices.gpu.for_gpus(_machine(form).gpus)
    history = simulate_outages(rental, rate)
    known = estimate_uptime(history)
    advice = advise_promise(history, whole, target=target, platform_fee=prices.platform_fee)
    best = advice.best
    first = f"{len(history.outages)} outages in {days} simulated days. {known}".splitlines()[0]
    if not advice.tried and not advice.unsold:
        said = f"These outages sustain no claim of {_percent(target)} %: offer none."
    elif best is None:
        said = "No promise earns more than none: offer none."
    else:
        terms = best.cover.terms.promise
        said = (
            f"Claim {_percent(terms.claim)} % with a spread of {float(terms.spread):g}: "
            f"${best.gain:.2f} more in {days} days than without a promise. "
            f"${best.fees:.2f} of fees less credits are ${best.net:.2f}, the rest is billed "
            f"while the machine is down; the worst day costs ${best.worst_day_credit:.2f}."
        )
    return {"text": [said, first]}


def _target(form: Form) -> Fraction:
    """Return the uptime that clients ask for: what can be claimed, can be asked for."""
    share = form.share("target")
    need = "a percentage above 0 and at most 99.999 with at most 7 decimals"
    return form.read("target", lambda _: Promise(claim=share).claim, need)


# -- the price, by simulation -------------------------------------------------------------------


class Simulation:
    """Prices tried on the same simulated clients, one after the other, so that it can be stopped.

    Args:
        form: ``low``, ``high``, ``tries``, ``demand``, ``days``, ``runs``, ``kwh``, ``watts``,
            ``idle``, and the machine's fields.

    Raises:
        BadField: A field that the library refuses.
    """

    def __init__(self, form: Form) -> None:
        listing = _listing(form)
        low, high = form.read("low", PerGpuHour), form.read("high", PerGpuHour)
        if not low.steps:
            raise BadField("low", f"need a price above 0, got {form.text('low')}")
        if not low < high:
            got = form.text("high")
            raise BadField("high", f"need a price above the lowest, {low}, got {got}")
        tries = form.whole("tries", 2, 20)
        self.runs = form.whole("runs", 2, 200)
        self.days = form.whole("days", 1, 90)
        between = high.steps - low.steps
        steps = [low.steps + between * index // (tries - 1) for index in range(tries)]
        middle = PerGpuHour.from_steps((low.steps + high.steps) // 2)
        name = form.choice("demand", {name: name for name in PRESETS})
        demand = preset_demand(name, gpus=listing.machine.gpus, price=middle)
        power = Power(
            price=form.read("kwh", PerKwh),
            gpu_watts=form.whole("watts", 0, 5_000),
            idle_watts=form.whole("idle", 0, 5_000),
        )
        scenario = Scenario(
            listings=(listing,),
            demand=demand,
            horizon=Interval(_MONDAY, _MONDAY + timedelta(days=self.days)),
            power=power,
        )
        prices = list(dict.fromkeys(map(PerGpuHour.from_steps, steps)))
        self._options: tuple[Option, ...] = vary(scenario, price=prices)
        self._outcomes: list[tuple[Outcome, ...]] = [() for _ in self._options]
        self._run: list[Outcome] = []
        self.done = 0
        self._form = form.asked  # all that it depends on

    def step(self) -> None:
        """Simulate the run of one price more; with that of the last one, the run is done."""
        option = self._options[len(self._run)]
        self._run += sweep([option], runs=1, seed=self.done, workers=1).outcomes[0]
        if len(self._run) == len(self._options):
            self._outcomes = [
                (*before, more) for before, more in zip(self._outcomes, self._run, strict=True)
            ]
            self._run = []
            self.done += 1

    def report(self) -> dict[str, Any]:
        """Return what is known so far."""
        share = (self.done + len(self._run) / len(self._options)) / self.runs
        found: dict[str, Any] = {"done": self.done, "of": self.runs, "share": share}
        found["more"] = self.done < self.runs
        if self.done <= 1 or self._run:  # an interval needs two; within a run nothing is new
            return found
        return {**found, "sections": self._prices(), "form": self._form}

    def _prices(self) -> list[dict[str, Any]]:
        known = Sweep(options=self._options, outcomes=tuple(self._outcomes))
        best, rows = known.best(), []
        for one in known.options:
            profit = known.estimate(one)
            rows.append(
                [
                    f"{one.value('price')}{' *' if one is best else ''}",
                    profit.text(2),
                    known.estimate(one, "revenue").text(2),
                    f"{known.estimate(one, 'occupancy').text(0, 100)} %",
                ]
            )
        others = (one for one in known.options if one is not best)
        clear = all(known.difference(best, one).is_clear for one in others)
        tail = "." if clear else "; others may do as well (more runs tell)."
        days = f"$ in {self.days} d (±: 95 %)"
        head = ["$ per GPU-hour (* best)", f"profit {days}", f"revenue {days}", "occupancy"]
        price = best.value("price")
        advice = f"Ask ${price} a GPU-hour"
        for end, which, wider in ((0, "lowest", "lower"), (-1, "highest", "higher")):
            if price == known.options[end].value("price"):
                advice = f"Best of those tried is the {which}, ${price}: look at {wider} ones"
        said = [
            f"{advice}{tail}",
            "Who comes is an assumption: compare the prices, and take the dollars for no forecast.",
            "Each run begins with an empty machine: long stays fill it slowly (more days tell).",
        ]
        prices = section(
            "prices",
            "What to charge",
            text=said,
            table=table(head, rows),
            chart=self._curve(known, "profit"),
        )
        paid = (
            f"What clients pay in {self.days} days: power and the platform's share are still in it."
        )
        revenue = self._curve(known, "revenue")
        return [prices, section("revenue", "Revenue by price", text=[paid], chart=revenue)]

    def _curve(self, known: Sweep, measure: str) -> dict[str, Any]:
        """Return the chart of a measure against the price, with its interval."""
        curve = [(float(price.to_decimal()), one) for price, one in known.curve("price", measure)]
        return chart(
            "price, $ per GPU-hour",
            f"{measure} in {self.days} days, $",
            [(price, float(one.mean)) for price, one in curve],
            low=[float(one.low) for _, one in curve],
            high=[float(one.high) for _, one in curve],
        )
