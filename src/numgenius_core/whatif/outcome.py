"""What came of a scenario: revenue by mode, occupancy, pauses, and who was not served and why.

All amounts are exact: they are the sums of the contracts' own statements for the horizon
(:func:`numgenius_core.billing.statement`). All shares are exact fractions.

Our readings: a client counts under the mode it wanted; one that wants to reserve where there is no
discount rents on demand. A rental that goes on after the horizon is charged up to its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from fractions import Fraction

from attrs import evolve, field, frozen

from numgenius_core._tables import Tabular, numbers
from numgenius_core._tables.result import ResultTable
from numgenius_core.billing.history import History
from numgenius_core.errors import RuleViolation, brief
from numgenius_core.listing import Mode
from numgenius_core.money import Money
from numgenius_core.units import Cell
from numgenius_core.whatif.wording import time_of


class Lost(Enum):
    """Why a client did not rent from the host: first what no machine could do, last what one could.

    Where the host's machines differ, the last of these reasons counts. What its rivals could not
    do either does not matter.
    """

    SIZE = "size not offered"
    """No machine is cut into offers of that many GPUs."""
    PRICE = "too dear"
    """The price is above what the client pays, or its bid is under the floor."""
    END = "listing ends too early"
    """The listing ends before the client's stay would, and the client wants all of it."""
    OUTBID = "outbid"
    """The client's bid would not have run anywhere."""
    FULL = "full"
    """Fewer GPUs were free than the client wanted."""
    FRAGMENTED = "fragmented"
    """As many GPUs were free on one machine, but no block of them."""
    RIVAL = "rented from a rival"
    """A rival's machine was cheaper, or as cheap and chosen by chance, or the only one that served
    the client: lost to the host, and served by the market."""


@frozen(kw_only=True)
class ModeOutcome:
    """What came of the clients that wanted one mode.

    Attributes:
        mode: The mode that they wanted.
        requests: How many clients came.
        rented: How many of them rented, from the host: what rivals serve is not counted.
        finished: How many of these had all the GPU time they wanted, within the horizon.
        lost: How many did not rent from the host, for each reason there was.
        lost_gpu_seconds: GPU-seconds that these wanted, those who went to a rival too.
        pauses: How often an instance was paused.
        paused_seconds: How long instances were paused, in all.
        gpu_seconds: GPU-seconds that instances ran.
        gpu: What clients paid for GPUs.
        storage: What clients paid for disk, paused instances too.
        forfeited: What was left of deposits and not paid back.
        fee: The platform's part of these three amounts.
    """

    mode: Mode
    requests: int
    rented: int
    finished: int
    lost: tuple[tuple[Lost, int], ...] = field(repr=brief)
    lost_gpu_seconds: int
    pauses: int
    paused_seconds: int
    gpu_seconds: int
    gpu: Money
    storage: Money
    forfeited: Money
    fee: Money

    @property
    def revenue(self) -> Money:
        """What clients paid."""
        return self.gpu + self.storage + self.forfeited

    @property
    def payout(self) -> Money:
        """What the host got of the revenue."""
        return self.revenue - self.fee


@frozen(kw_only=True)
class Outcome(Tabular):
    """What came of a scenario, for the host that lists the machines.

    Money, GPUs, time and instances are those of its own machines: what happens on those of rivals
    is in no figure. Clients who went there are lost to the host (``Lost.RIVAL``), and not unserved.

    Attributes:
        seconds: Length of the horizon.
        gpus: GPUs of all machines of the host.
        modes: The clients of each mode, one entry for each.
        power: What electricity cost the host.
        free: GPUs that no on-demand or reserved contract held, on average over the horizon.
        unusable: Those of them that the average client could not have used, as no block of its
            size was free there.
        kept_histories: All that happened to each instance, or ``None`` where that was not kept.
    """

    seconds: int
    gpus: int
    modes: tuple[ModeOutcome, ...] = field(repr=brief)
    power: Money
    free: Fraction
    unusable: Fraction
    kept_histories: tuple[History, ...] | None = field(default=None, repr=brief)

    @property
    def histories(self) -> tuple[History, ...]:
        """All that happened to each instance of the host; empty if nobody rented.

        Raises:
            RuleViolation: They were not kept: ``simulate(…, keep_histories=True)`` keeps them,
                and sweeps never do.
        """
        if self.kept_histories is None:
            need = "simulate(scenario, seed, keep_histories=True); sweeps keep none"
            raise RuleViolation("outcome.histories", need, "an outcome without them")
        return self.kept_histories

    def of(self, mode: Mode) -> ModeOutcome:
        """Return what came of the clients that wanted one mode."""
        for found in self.modes:
            if found.mode is mode:
                return found
        raise RuleViolation("mode", "a Mode", repr(mode))

    @property
    def revenue(self) -> Money:
        """What clients paid."""
        return Money.sum(one.revenue for one in self.modes)

    @property
    def payout(self) -> Money:
        """What the host got of the revenue."""
        return Money.sum(one.payout for one in self.modes)

    @property
    def profit(self) -> Money:
        """The payout less the electricity; negative for a loss."""
        return self.payout - self.power

    @property
    def requests(self) -> int:
        """How many clients came."""
        return sum(one.requests for one in self.modes)

    @property
    def rented(self) -> int:
        """How many of the clients rented, from the host."""
        return sum(one.rented for one in self.modes)

    @property
    def unserved(self) -> Fraction:
        """Share of the clients that rented nowhere, from rivals neither; 0 if nobody came."""
        served = self.rented + self.lost(Lost.RIVAL)
        return Fraction(self.requests - served, self.requests or 1)

    @property
    def pauses(self) -> int:
        """How often an instance was paused."""
        return sum(one.pauses for one in self.modes)

    @property
    def gpu_seconds(self) -> int:
        """GPU-seconds that instances ran."""
        return sum(one.gpu_seconds for one in self.modes)

    @property
    def occupancy(self) -> Fraction:
        """Share of the host's GPU time in which instances ran; 0 if there was no time."""
        return Fraction(self.gpu_seconds, self.gpus * self.seconds or 1)

    def lost(self, why: Lost) -> int:
        """Return how many clients did not rent from the host for one reason."""
        return sum(count for one in self.modes for reason, count in one.lost if reason is why)

    def _rows(self) -> Iterable[object]:
        time = self.gpus * self.seconds or 1
        return ({**numbers(one), "occupancy": one.gpu_seconds / time} for one in self.modes)

    def to_dict(self) -> dict[str, Cell]:
        """Return what came of all clients as one dict, as ``to_dicts`` does of each mode."""
        return numbers(evolve(self, kept_histories=()))  # no number, kept or not

    def table(self) -> ResultTable:
        """Return a row for each mode that was wanted, and one for all."""
        time = self.gpus * self.seconds
        rows = [_row(one.mode.value, one, time) for one in self.modes if one.requests]
        rows.append(_row("all", self, time))
        title = f"in {time_of(self.seconds)}: power ${self.power:.2f}, profit ${self.profit:.2f}"
        head = ("clients", "came", "rented", "GPU time", "pauses", "revenue $", "payout $")
        return ResultTable(title=title, head=head, rows=tuple(rows))


def _row(name: str, one: ModeOutcome | Outcome, time: int) -> tuple[str, ...]:
    """Return a row; where there was no time, no share of it was used."""
    return (
        name,
        str(one.requests),
        str(one.rented),
        f"{100 * one.gpu_seconds / (time or 1):.1f} %",
        str(one.pauses),
        f"{one.revenue:.2f}",
        f"{one.payout:.2f}",
    )
