"""The page "Try it": forms and files go in, what the page shows comes out, as JSON.

This module and its neighbours run in the reader's browser, in a web worker; whatever the page
shows as a figure is made here, by the library's own functions.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fields import BadField, Form, sentence
from hosting import BELOW_ALL, Simulation, host, machine_fields
from numgenius_core.errors import NumgeniusError
from numgenius_core.wire import Reading, read_machines, read_offers, read_sample
from renting import price_record, rent

_MOST_FAULTS = 5


class Page:
    """What the page has been given so far.

    >>> page = Page()
    >>> page.answer('{"who": "renter", "gpus": "4", "mode": "on-demand", "hours": "0"}')
    '{"errors": {"hours": "need more than 0 hours, in whole seconds (0.01 hours are 36), got 0"}}'
    """

    def __init__(self) -> None:
        self._market = read_sample()
        self._record: dict[str, Any] | None = None
        self._simulation: Simulation | None = None
        self._machines: tuple[bytes, str] | None = None  # a file, and the fee its prices have

    def drop(self, kind: str, name: str, content: bytes, text: str = "{}") -> str:
        """Take a file, and return what is in it; a file that cannot be read changes nothing.

        Args:
            kind: ``offers``, ``machines`` or ``history``.
            name: What messages call it.
            content: The file.
            text: The form, as for :meth:`answer`: a file of machines has the host's prices, and
                the platform's fee makes of them what clients pay.
        """
        try:
            return json.dumps(self._take(kind, name, content, Form(json.loads(text))))
        except BadField as fault:
            errors = {fault.field: fault.sentence}
            if fault.field != kind:  # the file has no fault
                errors[kind] = f"{name} is not read: see the field {fault.field}"
            return json.dumps({"errors": errors})
        except NumgeniusError as fault:
            told = re.sub(r"\Atext(?=[:,.])", lambda _: name, sentence(fault))
            return json.dumps({"errors": {kind: told}})

    def _take(self, kind: str, name: str, content: bytes, form: Form) -> dict[str, Any]:
        choices: list[tuple[str, dict[str, str | None]]] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd in a file is no fault of the page
            if kind == "offers":
                self._market, told = self._offers(content)
            elif kind == "machines":
                choices, told = _machines(content, form)
                self._machines = content, form.text("fee")
            else:
                self._record, told = price_record(content), "a record of prices"
        return {"text": f"{name}: {told}", "choices": choices}

    def _offers(self, content: bytes) -> tuple[Reading, str]:
        found = read_offers(content, on_error="collect")
        told = f"{len(found.offers):,} offers"
        if not found.offers:
            why = sentence(found.faults[0]) if found.faults else "none"
            raise BadField("offers", f"need at least one offer, got {why}")
        if found.skipped:
            faults = "; ".join(sentence(fault) for fault in found.faults[:_MOST_FAULTS])
            told += f", {found.skipped:,} left out ({faults})"
        return found, told

    def answer(self, text: str) -> str:
        """Return the answer to a form, or what is wrong with which field.

        Args:
            text: The fields as a JSON object of texts.
        """
        fields: Mapping[str, str] = json.loads(text)
        try:
            return json.dumps(self._answer(Form(fields)))
        except BadField as fault:
            return json.dumps({"errors": {fault.field: fault.sentence}})
        except NumgeniusError as fault:  # of no single field
            return json.dumps({"errors": {"who": sentence(fault)}})

    def _answer(self, form: Form) -> dict[str, Any]:
        answers = {
            "renter": lambda: rent(self._market, form, self._record),
            "host": lambda: self._host(form),
        }
        return form.choice("who", answers)()

    def _host(self, form: Form) -> dict[str, Any]:
        """Return the answers for a host, and where the fee is another, what clients pay then."""
        found, fee = host(form), form.text("fee")
        if self._machines is None or fee == self._machines[1]:
            return found
        content, _ = self._machines
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                choices, _ = _machines(content, form)
        except (BadField, NumgeniusError):
            return found  # whose field says why
        self._machines = content, fee
        return {**found, "prices": [fields["price"] for _, fields in choices]}

    def begin(self, text: str) -> str:
        """Begin to simulate what a form asks for, in the place of what was simulated before."""
        fields: Mapping[str, str] = json.loads(text)
        try:
            self._simulation = Simulation(Form(fields))
        except BadField as fault:
            return json.dumps({"errors": {fault.field: fault.sentence}})
        return json.dumps(self._simulation.report())

    def step(self) -> str:
        """Simulate the run of one price more, and return what is known by then."""
        assert self._simulation is not None, "begun before"
        self._simulation.step()
        return json.dumps(self._simulation.report())


def _machines(content: bytes, form: Form) -> tuple[list[tuple[str, dict[str, str | None]]], str]:
    """Return the machines of a file, each with what it is called and its fields."""
    fee = form.share("fee") if form.text("fee") else 0
    if fee == 1:
        raise BadField("fee", f"need {BELOW_ALL}, got {form.text('fee')}")
    machines = read_machines(content, platform_fee=fee).rows
    if not machines:
        raise BadField("machines", "need a machine, got none")
    now = datetime.now(UTC)
    choices = [
        (
            f"{one.machine.id}: {one.machine.gpus} × {one.machine.gpu_name}",
            machine_fields(one, now),
        )
        for one in machines
    ]
    return choices, f"{len(machines)} machine{'s' if len(machines) > 1 else ''}"
