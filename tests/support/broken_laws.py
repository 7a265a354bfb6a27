"""Which wrong promises each law of promises catches: three or more, the soonest caught first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import wrong_bills as b
import wrong_promises as p

CAUGHT: Final[dict[str, dict[str, tuple[Callable[..., Any], ...]]]] = {
    "sla_fee": {
        "never negative": (p.straight, p.below_zero, p.reward_for_confidence),
        "a higher target is dearer": (
            p.by_the_gap,
            p.dearest_where_it_is_easy,
            p.discount_for_strictness,
        ),
        "a higher claim is cheaper": (p.by_the_gap, p.dearer_claims, p.in_proportion_to_both),
        "a wider spread is dearer": (p.by_the_band, p.confidence_is_dear, p.confidence_for_spread),
        "much higher at the claim": (
            p.by_the_target_only,
            p.discount_for_strictness,
            p.by_the_gap,
            p.in_proportion_to_both,
        ),
        "the published fee": (p.older_text, p.a_day_for_an_hour, p.confidence_for_spread),
    },
    "sla_credit": {
        "nothing at the target": (
            p.at_the_target_too,
            p.from_full_uptime,
            p.one_target_for_all,
            p.takes_back_above,
        ),
        "more for less uptime": (
            p.less_for_the_dead,
            p.at_the_target_too,
            p.all_of_it_just_below,
        ),
        "at most the day": (p.a_tenth_on_top, p.without_a_cap, p.takes_back_above),
        "the published credits": (
            p.all_or_nothing,
            p.in_proportion,
            p.without_a_cap,
            p.from_full_uptime,
            p.one_target_for_all,
        ),
    },
    "sla_settlement": {
        "in is out": (
            p.fee_to_the_platform,
            p.credit_and_release,
            p.at_once,
            p.forgets_at_midnight,
            p.fee_while_up,
        ),
        "net of the platform's share": (p.fees_alone, p.free_while_down, p.gross_goes_in),
        "credits are paid": (
            p.always_a_little,
            p.all_days_of_the_past,
            p.nothing_paid_back,
            p.wider_pays_more,
        ),
        "no credit above the day": (p.fee_back_too, p.all_days_of_the_past, p.a_tenth_more),
        "billed through outages": (p.free_while_down, p.fee_while_up, p.credit_off_the_bill),
        "no outage, no credit": (p.always_a_little, p.the_day_was_not_full, p.begins_in_debt),
        "by the target alone": (p.by_the_claim, p.wider_pays_more, p.between_target_and_claim),
        "two pieces are the whole": (p.a_day_in_both, p.forgets_at_midnight, p.forgets_bad_days),
        "notice helps, in part": (
            p.notice_is_worth_all,
            p.a_day_ahead_is_enough,
            p.notice_is_worse,
        ),
    },
    "sla_bill": {
        "without a target as before": (
            b.always_a_cent,
            b.a_claim_costs,
            b.dearer_where_there_is_a_promise,
            b.nothing_for_the_host,
        ),
        "the fee stands beside": (
            b.within_the_price,
            b.a_claim_costs,
            b.cheaper_with_a_promise,
            b.below_nothing,
            b.always_a_cent,
        ),
        "a promise costs something": (b.for_nothing, b.below_nothing, b.in_cents),
        "a fee by the second": (b.whole_hours, b.in_cents, b.always_a_cent),
        "the fee is the host's": (b.shared_fee, b.a_claim_costs, b.always_a_cent),
    },
    "sla_slices": {
        "slices settle alone": (
            b.loses_the_last,
            b.the_machine_is_down,
            b.one_pot,
            b.first_come,
            b.mean_of_slices,
        ),
        "slices settle all days": (
            b.no_days,
            b.loses_the_last,
            b.by_the_day,
            b.nothing_for_dead_days,
        ),
        "an outage harms its own": (b.the_machine_is_down, b.one_pot, b.mean_of_slices),
        "who was up gets nothing": (
            b.a_cent_a_day,
            b.the_machine_is_down,
            b.one_pot,
            b.mean_of_slices,
        ),
    },
}
"""By the rule and the name of its law."""
