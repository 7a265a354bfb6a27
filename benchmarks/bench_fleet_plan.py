"""A window for each of 200 machines, at most 5 down at once, beside CP-SAT.

CP-SAT gets the losses that we compute, as whole numbers, and 15 seconds on one core. Its gap is
between its plan and its own bound; ours is between our plan and the bound that we prove. "Over
CP-SAT" compares our loss with the best bound or optimum that CP-SAT proves.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from harness import Row, print_table
from ortools.sat.python import cp_model

from numgenius_core.contracts import Contract
from numgenius_core.ids import AccountId, ContractId, MachineId
from numgenius_core.intervals import Interval
from numgenius_core.listing import Mode, PriceTerms
from numgenius_core.maintenance import Weights, aligned_starts, disturbances, plan_fleet
from numgenius_core.offer import Block
from numgenius_core.rates import PerGpuHour

MACHINES, AT_ONCE = 200, 5
T0 = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
LENGTH = 4 * HOUR
WEIGHTS = Weights(contracts=Fraction(1), gpu_hours=Fraction(1, 4), payout=Fraction(1))
SECONDS = 15.0


def fleet(hours: int) -> dict[MachineId, list[Contract]]:
    rng = random.Random(11)
    machines: dict[MachineId, list[Contract]] = {}
    for machine in range(MACHINES):
        contracts = []
        for number in range(rng.randint(hours // 24, hours // 12)):
            start = rng.randrange(-24, hours)
            size = rng.choice([1, 1, 2, 4])
            contracts.append(
                Contract(
                    id=ContractId(number),
                    machine=MachineId(machine),
                    host=AccountId("host"),
                    client=AccountId("client"),
                    mode=Mode.ON_DEMAND,
                    block=Block(start=0, size=size),
                    prices=PriceTerms(gpu=PerGpuHour(f"0.{rng.randint(10, 90)}")),
                    start=T0 + start * HOUR,
                    end=T0 + (start + rng.randint(2, 96)) * HOUR,
                )
            )
        machines[MachineId(machine)] = contracts
    return machines


def cp_sat(losses: list[list[int]], times: list[int], length: int) -> tuple[float, float, float]:
    """Return CP-SAT's loss, its bound and the seconds it took."""
    model = cp_model.CpModel()
    takes = [[model.new_bool_var("") for _ in times] for _ in losses]
    for row in takes:
        model.add_exactly_one(row)
    for at in times:
        down = [j for j, begin in enumerate(times) if begin <= at < begin + length]
        model.add(sum(row[j] for row in takes for j in down) <= AT_ONCE)
    pairs = list(zip(losses, takes, strict=True))
    model.minimize(sum(c * x for cs, xs in pairs for c, x in zip(cs, xs, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = SECONDS
    begin = time.process_time()
    status = solver.solve(model)
    took = time.process_time() - begin
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return solver.objective_value if found else float("inf"), solver.best_objective_bound, took


def run(name: str, hours: int, step: timedelta) -> Row:
    machines, within = fleet(hours), Interval(T0, T0 + hours * HOUR)
    starts = aligned_starts(within, LENGTH, step)
    begin = time.process_time()
    plan = plan_fleet(machines, starts, LENGTH, at_once=AT_ONCE, weights=WEIGHTS)
    ours = time.process_time() - begin
    windows = [Interval(at, at + LENGTH) for at in starts]
    cents = [
        [round(100 * WEIGHTS.loss(disturbances(book, each))) for each in windows]
        for book in machines.values()
    ]
    times = [(at - T0) // HOUR for at in starts]
    loss, bound, took = cp_sat(cents, times, LENGTH // HOUR)
    over = float(plan.loss) * 100 / bound - 1 if bound else 0.0
    print(
        f"{name:<34} ours {float(plan.loss):9.2f} in {ours:6.2f} s, gap {float(plan.gap):6.2%}, "
        f"proof {plan.proof.value:<7} | CP-SAT {loss / 100:9.2f} in {took:6.2f} s, "
        f"gap {1 - bound / loss if loss else 0:6.2%} | over CP-SAT's bound {over:6.2%}"
    )
    return Row(name, f"CP-SAT, one core, at most {SECONDS:.0f} s", took, ours)


def main() -> None:
    print(f"{MACHINES} machines, at most {AT_ONCE} down at once, windows of 4 hours, CPU time")
    rows = [
        run("aligned, a month, 22 % full", 720, LENGTH),
        run("aligned, two weeks, 48 % full", 336, LENGTH),
        run("aligned, 43 windows, 93 % full", 172, LENGTH),
        run("every 2 hours, two weeks", 336, 2 * HOUR),
        run("every 2 hours, 93 % full", 172, 2 * HOUR),
    ]
    print_table(f"Windows for {MACHINES} machines", rows)


if __name__ == "__main__":
    main()
