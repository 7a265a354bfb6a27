"""What an account asks about itself, and says: its notices, its thresholds, what it hands on."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Final

from examples.marketplace import bills, rows
from examples.marketplace.hardware import Hardware
from examples.marketplace.paging import limit_of
from examples.marketplace.questions import Asked
from examples.marketplace.reading import Call, shown, whole_number
from examples.marketplace.refusals import NOT_SERVED, NotServed
from examples.marketplace.wording import unknown_field
from numgenius_core.errors import NotAllowed, RuleViolation
from numgenius_core.ids import AccountId
from numgenius_core.market import Market, commands as do, views
from numgenius_core.money import Money

SETTINGS: Final = ("autobill_threshold", "balance_threshold", "balance_threshold_enabled")
USUAL_NOTICES: Final = 100
MOST_NOTICES: Final = 500


def notices(asked: Asked) -> Any:
    """Answer what an account must be told, the oldest first: the next page is after the last id.

    An id is that of the event in the service's log, so what was read once has the same id for ever.
    """
    call = asked.call
    after = whole_number(call.asked("after", int, 0), "after")
    most = limit_of(call, USUAL_NOTICES, MOST_NOTICES)
    found = [
        {"id": number, "at": rows.epoch(each.at), "kind": each.kind, "facts": dict(each.facts)}
        for number, each in asked.store.notices(call.by, after, most)
    ]
    last = found[-1]["id"] if found else after
    return {"success": True, "notifications": found, "count": len(found), "last_id": last}


def spend_rate(asked: Asked) -> Any:
    return {"success": True} | bills.spending(views.spend_rate(asked.market, asked.call.by))


def set_user(call: Call, market: Market, _: Hardware) -> do.Command:
    """Set the thresholds of an account: what is left out stays, null is nowhere.

    One that is switched off is kept for when it is switched on again.

    Raises:
        NotServed: Anything else of an account, which is not kept here.
        UnknownField: A field that looks like one of these.
        RuleViolation: A threshold is switched on that is nowhere.
    """
    body, account = call.body, market.account(call.by)
    others = [name for name in body if name not in SETTINGS]
    slips = [name for name in others if get_close_matches(name, SETTINGS, 1)]
    if slips:
        raise unknown_field(slips[0], SETTINGS, body[slips[0]])
    if others or not body:
        raise NotServed(NOT_SERVED["users"])
    charge, notice, enabled = account.charge, account.notice, account.notice_enabled
    if "autobill_threshold" in body:
        charge = dollars(call, "autobill_threshold")
    if "balance_threshold" in body:
        notice = dollars(call, "balance_threshold")
    if "balance_threshold_enabled" in body:
        enabled = call.flag("balance_threshold_enabled")
        if enabled and notice is None:
            need = "a balance_threshold to switch on"
            raise RuleViolation("balance_threshold_enabled", need, "none")
    return do.SetThresholds(by=call.by, charge=charge, notice=notice, notice_enabled=enabled)


def transfer(call: Call, _: Market, __: Hardware) -> do.Command:
    """Hand credit on; clients also send that they are the sender themselves."""
    if call.body.get("sender") not in (None, "me", call.by):
        need, sender = "me: credit is handed on by whose it is", call.body["sender"]
        raise NotAllowed("sender", need, shown(sender))
    recipient = AccountId(call.text("recipient"))
    if not recipient:
        raise RuleViolation("recipient", "an account", shown(call.body.get("recipient")))
    amount = call.money("amount")
    return do.TransferCredit(by=call.by, to=recipient, amount=amount)


def dollars(call: Call, name: str) -> Money | None:
    return None if call.body.get(name) is None else call.money(name)
