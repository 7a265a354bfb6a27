"""The clients of a machine, from how long machines like it stay free in snapshots of the market.

An empty machine stays free until the first client rents some of it. If clients come at a rate λ,
nobody has come after h seconds with probability e^(−λh): so each watched stretch of a free spell,
from one snapshot to the next, says something of λ, whether a client came in it (1 − e^(−λh)) or not
(e^(−λh)). Nothing else is needed. A spell that was there before the first snapshot counts from then
on; one that is there at the last counts up to it; that a client came is known to the interval. The
fit is what is most likely, given all of them. The rate is taken to fall with the price at a
constant elasticity e, λ = λ₀ · (p₀ / p)^e, as by :func:`numgenius_core.whatif.fit`.

Who was not seen. A client who comes and leaves between two snapshots leaves no trace. One who comes
u seconds before the next is there to be seen if he stays for longer than u; so of the clients of a
stretch those of E[min(stay, h)] seconds are seen, and that is what it counts instead of h. Where
snapshots are close, the two are the same.

How sure. Machines differ in more than price, so the clients of one tell less of the others than as
many clients of all would. The variance is that between machines (a sandwich estimate, clustered by
machine; by spell, where only one machine is given) or that of chance alone, whichever is larger,
and the interval is Student's with as many degrees as there are machines, less one: of ln λ, so that
it is not symmetric for λ. It is an approximation for many machines; of three it is wide, and rough.

Our readings: that two clients come and go in one stretch is left out. Clients who would take a size
that the machine does not offer never come.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise
from math import exp, expm1, inf, log, sqrt
from random import Random
from typing import Any, Final, Literal, NamedTuple, Self

from attrs import frozen

from numgenius_core._checks import as_tuple, check_kind
from numgenius_core._numbers import PICO, WIDE, exact_number, fraction
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.intervals import total_seconds
from numgenius_core.planning.spells import FreeSpell
from numgenius_core.rates import PerGpuHour
from numgenius_core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Exact
from numgenius_core.whatif.demand import Demand
from numgenius_core.whatif.distributions import Distribution, Pareto, drawn
from numgenius_core.whatif.estimate import CONFIDENCE, Estimate, student_t
from numgenius_core.whatif.fitting import to_decimal
from numgenius_core.whatif.wording import percent

_STEPS: Final = 200
_DRAWN: Final = 20_000  # stays: the mean of them is known to a hundredth
_CLOSE: Final = 1e-10
_FARTHEST: Final = 60.0  # of a logarithm: e^60 clients a second are none
_STEEPEST: Final = 50
_LARGEST: Final = 700.0  # an exponent that a float still holds


@frozen(kw_only=True)
class Arrivals:
    """The clients that a machine gets while it is free, and how sure that is.

    Attributes:
        demand: The demand of all clients who would pay the lowest price seen, to simulate with.
        price: The price of the next three.
        per_day: Clients a day who rent an empty machine at ``price``.
        low: Lower end of its interval.
        high: Upper end of its interval.
        confidence: Share of such intervals that hold the true value.
        elasticity: By how many percent clients are fewer where the price is 1 % higher; ``None``
            if it was given.
        rentals: Spells that a client ended.
        machines: Machines that were watched while free.
        hours: Hours for which they were watched while free, the intervals in which clients came
            not counted.

    >>> from datetime import UTC, datetime, timedelta
    >>> from numgenius_core import PerGpuHour
    >>> from numgenius_core.planning import FreeSpell
    >>> from numgenius_core.whatif import Arrivals, Exponential
    >>> noon, hour = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(hours=1)
    >>> def spell(machine: int, hours: int) -> FreeSpell:
    ...     return FreeSpell(
    ...         machine=machine, gpu_name="A100", gpus=8, gpus_in_machine=8,
    ...         seen=[noon + n * hour for n in range(hours + 1)],
    ...         prices=[(noon, PerGpuHour("0.80"))],
    ...         ended_by=noon + (hours + 1) * hour, rented=True,
    ...     )
    >>> seen = [spell(machine, hours) for machine, hours in enumerate((3, 30, 9, 4, 12, 8))]
    >>> print(Arrivals.of(seen, sizes={8: 1}, stays=Exponential("6"), elasticity="1.5"))
    2.27 a day (95 %: 0.79 to 6.49) at $0.80: 6 rentals of 6 machines
    """

    demand: Demand
    price: PerGpuHour
    per_day: Decimal
    low: Decimal
    high: Decimal
    confidence: Fraction
    elasticity: Estimate | None
    rentals: int
    machines: int
    hours: Decimal

    @classmethod
    def of(
        cls,
        spells: Iterable[FreeSpell],
        *,
        sizes: Mapping[int, int],
        stays: Distribution,
        price: PerGpuHour | None = None,
        elasticity: Exact | None = None,
        gone: Literal["rented", "unlisted"] = "rented",
        confidence: Exact = CONFIDENCE,
    ) -> Self:
        """Return the demand that free spells of whole machines show, all of it on demand.

        Args:
            spells: Of machines of one model and size, each of all GPUs of its machine:
                ``series.spells(gpu_name, gpus=8, whole=True)``.
            sizes: Weight of each number of GPUs that clients ask for.
            stays: Hours that clients stay. Free spells say nothing of it, but it says how many
                clients come and go between two snapshots.
            price: The price at which clients a day are told, such as one's own; by default the
                lowest price seen.
            elasticity: If it is known; 0 is clients who pay any price. By default it is fitted,
                which needs rentals at two prices.
            gone: What a spell is whose machine was rented or unlisted, nobody can tell which
                (``FreeSpell.rented`` is ``None``): ``"rented"`` gives the most clients,
                ``"unlisted"`` the fewest.
            confidence: Share of such intervals that hold the true value, above 0 and below 1.

        Raises:
            RuleViolation: Fewer than two spells, other spells than those of whole machines of one
                model and size, a spell without a price above zero, no rental, rentals at fewer than
                two prices or that come no slower as the price rises and no ``elasticity`` given, or
                snapshots too far apart to tell a rate.
        """
        if gone not in ("rented", "unlisted"):
            raise RuleViolation("gone", "'rented' or 'unlisted'", shown(gone))
        mix = Demand(per_day=1, sizes=sizes, stays=stays)  # refuses wrong sizes and stays
        known = as_tuple(spells, "spells")
        _check(known)
        if price is not None:
            check_kind(price, PerGpuHour, "price")
            if not price:
                raise RuleViolation("price", "a price above zero", "0")
        slope = None if elasticity is None else _elasticity(elasticity)
        seen = _Seen(stays)
        watched = [_watched(spell, gone, seen) for spell in known]
        base = min(each.least for each in watched)
        _check_rentals(watched, slope is None)
        curve = _most_likely(watched, log((base if price is None else price.steps) / PICO), slope)
        return cls(**_arrivals(curve, watched, mix, base, price, slope, confidence))

    def __str__(self) -> str:
        with localcontext(WIDE):  # the caller's may round another way
            ends = f"{percent(self.confidence)}: {self.low:.2f} to {self.high:.2f}"
            rate = f"{self.per_day:.2f} a day ({ends})"
        found = f"{rate} at ${self.price}"
        if self.elasticity is not None:
            found += f", elasticity {self.elasticity}"
        return f"{found}: {self.rentals} rentals of {self.machines} machines"


def _elasticity(value: Exact) -> float:
    need = f"a number from 0 to {_STEEPEST}"
    known = exact_number(value, "elasticity", need)
    if not 0 <= known <= _STEEPEST:
        raise RuleViolation("elasticity", need, shown(value))
    return float(known)


def _check(spells: tuple[FreeSpell, ...]) -> None:
    """Refuse spells that say nothing of the clients of one kind of machine."""
    if len(spells) < 2:
        raise RuleViolation("spells", "at least two", str(len(spells)))
    for index, spell in enumerate(spells):
        path = f"spells[{index}]"
        check_kind(spell, FreeSpell, path)
        if spell.gpus != spell.gpus_in_machine:
            need = "all GPUs of a machine: other blocks end with the last of their size"
            raise RuleViolation(path, need, f"{spell.gpus} of {spell.gpus_in_machine}")
        first = spells[0]
        if (spell.gpu_name, spell.gpus) != (first.gpu_name, first.gpus):
            need = f"{first.gpus} × {first.gpu_name}, as the first"
            raise RuleViolation(path, need, f"{spell.gpus} × {spell.gpu_name}")
        if not all(price for _, price in spell.prices):
            raise RuleViolation(path, "a price above zero all the time", "none, or 0")


class _Seen:
    """Of a stretch between two snapshots, the seconds whose clients the second of them sees."""

    def __init__(self, stays: Distribution) -> None:
        random = Random(0)  # the same stays for all stretches and fits
        self._stays = sorted(
            drawn(stays, random, "stays") * SECONDS_PER_HOUR for _ in range(_DRAWN)
        )
        self._below = list(accumulate(self._stays, initial=0.0))
        self._known: dict[int, float] = {}

    def of(self, seconds: int) -> float:
        """Return E[min(stay, seconds)]."""
        found = self._known.get(seconds)
        if found is None:
            short = bisect_left(self._stays, seconds)
            whole = self._below[short] + (_DRAWN - short) * seconds
            found = self._known[seconds] = whole / _DRAWN
        return found


class _Watched(NamedTuple):
    """A spell as it counts: how long it survived at each price, and when a client came.

    Attributes:
        machine: The machine.
        least: Its lowest price, in steps.
        hours: How long it was watched.
        survived: Prices in steps, with the seconds for which nobody came who was to be seen.
        came: The price and the seconds in which a client came; ``None`` if none did.
    """

    machine: int
    least: int
    hours: float
    survived: dict[int, float]
    came: tuple[int, float] | None


def _watched(spell: FreeSpell, gone: str, seen: _Seen) -> _Watched:
    prices = {at: price.steps for at, price in spell.prices if price is not None}  # as checked
    steps = prices[spell.seen[0]]
    survived: dict[int, float] = {}
    for at, until in pairwise(spell.seen):
        steps = prices.get(at, steps)
        survived[steps] = survived.get(steps, 0.0) + seen.of(total_seconds(at, until))
    steps = prices.get(spell.seen[-1], steps)
    came = None
    rented = spell.rented or (spell.rented is None and gone == "rented")
    if spell.ended_by is not None and rented:
        came = steps, seen.of(total_seconds(spell.seen[-1], spell.ended_by))
    hours = total_seconds(spell.seen[0], spell.seen[-1]) / SECONDS_PER_HOUR
    return _Watched(spell.machine, min(prices.values()), hours, survived, came)


def _check_rentals(watched: list[_Watched], fits_elasticity: bool) -> None:
    prices = {each.came[0] for each in watched if each.came is not None}
    if not prices:
        raise RuleViolation("spells", "at least one that a client ended", "none")
    if fits_elasticity and len(prices) < 2:
        need = "rentals at two prices or more, or an elasticity that is given"
        raise RuleViolation("spells", need, "all at one price")


# -- the most likely curve ---------------------------------------------------------------------


class _Curve(NamedTuple):
    """ln λ = level − slope · (ln price − origin), λ clients a second, and its variance.

    Attributes:
        origin: Logarithm of the price at which the level is told.
        level: Logarithm of the rate there.
        slope: The elasticity.
        covariance: Of level and slope, inverse of the information.
    """

    origin: float
    level: float
    slope: float
    covariance: tuple[float, float, float]


def _slopes(seconds: float, rate: float, came: bool) -> tuple[float, float, float]:
    """Return the logarithm of a stretch's probability, and its two derivatives by ln λ."""
    mean = rate * seconds
    if not came:
        return -mean, -mean, -mean
    if mean > _LARGEST:
        return 0.0, 0.0, 0.0
    some = expm1(mean)
    if not some:  # a rate that a float does not hold: nobody would come
        return -inf, 1.0, 0.0
    first = mean / some
    return log(some) - mean, first, first * (1 - mean - first)


def _most_likely(watched: list[_Watched], origin: float, slope: float | None) -> _Curve:
    """Return the curve by Newton's method: the likelihood is concave in level and slope."""
    counts: Counter[tuple[int, float]] = Counter()
    totals: defaultdict[int, float] = defaultdict(float)
    for each in watched:
        for steps, seconds in each.survived.items():
            totals[steps] += seconds
        if each.came is not None:
            counts[each.came] += 1
    stretches = [(log(p / PICO) - origin, t, n, True) for (p, t), n in counts.items()]
    stretches += [(log(p / PICO) - origin, t, 1, False) for p, t in totals.items() if t]
    came = sum(n for _, _, n, rented in stretches if rented)
    seconds = sum(t * n for _, t, n, _ in stretches)
    fixed = slope is not None
    at = [log(came / seconds), 0.0 if slope is None else slope]
    value, gradient, information = _likelihood(stretches, at)
    for _ in range(_STEPS):
        inverse = _inverse(information, fixed)
        a, b, c = inverse
        step = [a * gradient[0] + b * gradient[1], b * gradient[0] + c * gradient[1]]
        for _halving in range(_STEPS):  # a first step may go much too far
            there = [at[0] + step[0], at[1] + step[1]]
            if max(map(abs, there)) <= _FARTHEST:
                found = _likelihood(stretches, there)
                if found[0] >= value - _CLOSE * abs(value):
                    break
            step = [step[0] / 2, step[1] / 2]
        else:
            raise _unclear()
        at, (value, gradient, information) = there, found
        if max(map(abs, step)) < _CLOSE:
            break
    if max(map(abs, step)) >= _CLOSE or max(map(abs, at)) > _FARTHEST - 1:  # it went ever farther
        raise _unclear()
    return _Curve(origin, at[0], at[1], _inverse(information, fixed))


def _unclear() -> RuleViolation:
    need = "snapshots close enough to tell at what rate clients come"
    return RuleViolation("spells", need, "no rate is the most likely")


def _likelihood(
    stretches: list[tuple[float, float, int, bool]], at: list[float]
) -> tuple[float, tuple[float, float], tuple[float, float, float]]:
    """Return the logarithm of the likelihood, its gradient, and the information."""
    value = by_level = by_slope = aa = ab = bb = 0.0
    for far, seconds, count, came in stretches:
        rate = exp(min(at[0] - at[1] * far, _LARGEST))
        here, first, second = _slopes(seconds, rate, came)
        value += count * here
        by_level += count * first
        by_slope -= count * first * far
        aa -= count * second
        ab += count * second * far
        bb -= count * second * far * far
    return value, (by_level, by_slope), (aa, ab, bb)


def _inverse(information: tuple[float, float, float], fixed: bool) -> tuple[float, float, float]:
    """Return the inverse of a symmetric matrix; of its first entry only, if the slope is fixed."""
    aa, ab, bb = information
    if fixed:
        if not aa > 0:
            raise _unclear()
        return 1 / aa, 0.0, 0.0
    size = aa * bb - ab * ab
    if not size > 0:
        raise _unclear()
    return bb / size, -ab / size, aa / size


# -- how sure it is ----------------------------------------------------------------------------


def _spread(curve: _Curve, watched: list[_Watched]) -> tuple[float, float, int]:
    """Return the standard errors of level and slope, and how many clusters they are from."""
    machines = {each.machine for each in watched}
    scores: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for index, each in enumerate(watched):
        score = scores[each.machine if len(machines) > 1 else index]
        stretches = [(steps, seconds, False) for steps, seconds in each.survived.items()]
        if each.came is not None:
            stretches.append((*each.came, True))
        for steps, seconds, came in stretches:
            far = log(steps / PICO) - curve.origin
            first = _slopes(seconds, exp(curve.level - curve.slope * far), came)[1]
            score[0] += first
            score[1] -= first * far
    a, b, c = curve.covariance
    clusters = len(scores)
    scale = clusters / (clusters - 1)
    level = scale * sum((a * s + b * t) ** 2 for s, t in scores.values())
    slope = scale * sum((b * s + c * t) ** 2 for s, t in scores.values())
    return sqrt(max(level, a)), sqrt(max(slope, c)), clusters


def _arrivals(
    curve: _Curve,
    watched: list[_Watched],
    mix: Demand,
    base: int,
    price: PerGpuHour | None,
    slope: float | None,
    confidence: Exact,
) -> dict[str, Any]:
    """Return the fields of the answer."""
    level_error, slope_error, clusters = _spread(curve, watched)
    times = student_t(confidence, clusters - 1)
    share = fraction(confidence, "confidence", below_one=True)
    elasticity = None
    if slope is None:
        if not curve.slope > 0:
            need = "rentals that come slower as the price rises, or an elasticity that is given"
            raise RuleViolation("spells", need, "they do not")
        elasticity = Estimate(
            mean=Fraction(to_decimal(curve.slope)),
            half_width=Fraction(to_decimal(times * slope_error)),
            runs=clusters,
            confidence=share,
        )
    lowest = log(base / PICO)
    limits = Pareto(to_decimal(exp(lowest)), to_decimal(curve.slope)) if curve.slope else None
    per_day = _a_day(curve.level - curve.slope * (lowest - curve.origin))
    return {
        "demand": Demand(per_day=per_day, sizes=mix.sizes, stays=mix.stays, limits=limits),
        "price": PerGpuHour.from_steps(base) if price is None else price,
        "per_day": _a_day(curve.level),
        "low": _a_day(curve.level - times * level_error),
        "high": _a_day(min(curve.level + times * level_error, _FARTHEST)),
        "confidence": share,
        "elasticity": elasticity,
        "rentals": sum(each.came is not None for each in watched),
        "machines": len({each.machine for each in watched}),
        "hours": to_decimal(sum(each.hours for each in watched)),
    }


def _a_day(level: float) -> Decimal:
    return to_decimal(exp(level) * SECONDS_PER_DAY)
