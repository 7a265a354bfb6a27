"""The fields that a search can ask for: their types, their units, and where an offer has them.

Rule (the marketplace's client): some sixty fields can be asked for, a few under a shorter name
(``dph`` is ``dph_total``). Memory is typed in GB and asked for in MB (× 1,000), a duration in days
and asked for in seconds, a driver version with dots as one number (``535.86.05`` is 535086005).

Our readings:

* Fields that an offer has typed are read from there, all others from ``Offer.extra``, where the
  snapshots' own names count too (``inet_down_mbps``). What is missing, empty or of another type
  is null there. Two fields have a stand-in: ``datacenter`` is ``hosting_type`` 1, and
  ``ubuntu_version`` is ``os_version``.
* Numbers compare as the decimals they are written as, a ``float`` as its shortest text. Prices are
  exact to the pico-dollar: ``dph_total`` is the price of the GPUs and of the disk asked for, in a
  search for interruptibles with the lowest bid for the price. A null ``discount_rate`` is 0.
* ``duration`` counts from ``now``; without it, it is what the source said. An offer that never
  ends lasts longer than any number. Durations asked for are rounded to the microsecond.
* A null ``external`` is false, as clients' own default filters need it; so are ``rented`` and
  ``is_bid``, which are false on each row of an offer search (126 of 126 real records).
  ``ask_contract_id`` is the offer's number.
* A price or a disk that is unknown is null, and so is a verification of which the source says
  nothing (which is not ``verified`` either); a total that lacks a price is what the source says.
* Directives that clients send among their conditions are fields too. ``has_sla`` asks for a claim
  above 0, ``target_reliability`` for one that reaches the target, ``chunked`` for the 64 GiB of
  memory and 32 cores below which the client leaves offers out. ``expected_reliability`` is the
  claim, 0 of a host that claims nothing; ``reliability`` is the historical score, another thing.
* ``dph_total_adj`` is the price an hour of a stay of four hours that downloads as many GB as it has
  disk (121 of 121 real records): ``dph_total`` and a quarter of that download.
* Speed by dollar is that of the price seen: ``dlperf_per_dphtotal`` is ``dlperf`` / ``dph_total``
  with the disk asked for, in a reserved search / (``discounted_dph_total`` + 0.001), as measured,
  and so is ``flops_per_dphtotal``. Where one of the two is not known, what the source said stands.
* A search on demand for a target has the fee of that promise in ``dph_total``, by our schedule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from attrs import field, frozen

from numgenius_core._accrual import stored_an_hour
from numgenius_core._checks import check_kind, check_text
from numgenius_core._numbers import (
    PRICE_PLACES,
    WIDE,
    decimal_of,
    decimal_text,
)
from numgenius_core.errors import RuleViolation, WrongType, brief, shown
from numgenius_core.intervals import to_epoch, total_seconds
from numgenius_core.listing import Mode, Verification
from numgenius_core.offer import Offer
from numgenius_core.prices.quotes import discount_of, says
from numgenius_core.prices.ranking import disk_of
from numgenius_core.search._reserving import discount_rate
from numgenius_core.search._values import MAX_WHOLE, READ, FieldType, Scalar, bounded, like, number
from numgenius_core.search.spellings import ALIASES, nearest_field
from numgenius_core.search.view import View
from numgenius_core.units import MB_PER_GB, SECONDS_PER_DAY

_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_MICROSECOND: Final = Decimal("0.000001")
_HALF: Final = Decimal("0.5")
_CHUNK_MB: Final = 64 * 1_024
_CHUNK_CORES: Final = 32
_ADJUSTED_STAY: Final = 4
"""Hours of the stay that ``dph_total_adj`` is the price of."""
_FALSE_UNSAID: Final = frozenset({"external", "is_bid", "rented"})
_STEP: Final = decimal_of(1, PRICE_PLACES)
_PER_DOLLAR: Final = {"dlperf": "dlperf_per_dphtotal", "total_flops": "flops_per_dphtotal"}
_RESERVED_MORE: Final = Decimal("0.001")
"""What answers to reserved searches add to the price that a speed is divided by."""


@frozen
class Field:
    """A field that a search can ask for.

    Attributes:
        name: As the API calls it.
        kind: Its type.
        scale: What a typed number is multiplied with: 1,000 for GB of memory, 86,400 for days.
        keys: Where ``Offer.extra`` may have it, best first.

    >>> from numgenius_core.search import FIELDS
    >>> FIELDS["gpu_ram"].typed("80", "gpu_ram")  # typed in GB, asked for in MB
    Decimal('80000')
    """

    name: str
    kind: FieldType
    scale: int = 1
    keys: tuple[str, ...] = field(default=(), repr=brief)

    def of(self, offer: Offer, view: View) -> Scalar | None:
        """Return what an offer has in this field, ``None`` for null.

        Raises:
            RuleViolation: ``duration`` of an offer that only says when it ends, without ``now``.
        """
        typed = _OF_OFFER.get(self.name)
        return self.kept(offer) if typed is None else typed(offer, view)

    def kept(self, offer: Offer) -> Scalar | None:
        """Return what the source of an offer said in this field, ``None`` for nothing."""
        read = READ[self.kind]
        for key in self.keys:
            if (value := read(offer.extra.get(key))) is not None:
                return value
        return False if self.name in _FALSE_UNSAID else None

    def value(self, raw: object, path: str) -> Scalar:
        """Return what a condition compares this field with, in the API's unit.

        Args:
            raw: A JSON value; text says numbers and flags too.
            path: What messages call it.

        Raises:
            RuleViolation: It does not say what the field's type needs, or is out of bounds.
        """
        return self._said(raw, path, _ASKED_IN)

    def _said(self, raw: object, path: str, units: Mapping[str, str]) -> Scalar:
        """Return what a value says; a message names the unit in which a number is needed."""
        if self.kind is FieldType.ANY:
            found = raw if isinstance(raw, bool | str) else number(raw)
            found = decimal_text(bounded(found, path)) if isinstance(found, Decimal) else found
        else:
            found = READ[self.kind](raw)
        if found is None:
            error = RuleViolation if isinstance(raw, str | float) else WrongType
            unit = f" of {units[self.name]}" if self.name in units else ""
            raise error(path, f"{self.kind.value}{unit} for {self.name}", shown(raw))
        if isinstance(found, str):
            check_text(found, path)
        elif isinstance(found, Decimal):
            found = bounded(found, path)
            if self.name == "duration":
                found = bounded(found.quantize(_MICROSECOND, context=WIDE), path)
        return found

    def typed(self, words: str, path: str) -> Scalar:
        """Return what a person typed in a query, in the API's unit.

        Args:
            words: The text as typed: memory in GB, a duration in days.
            path: What messages call it.

        Raises:
            RuleViolation: It does not say what the field's type needs, or is out of bounds.
        """
        if self.scale == 1 or (found := number(words)) is None:
            return self._said(words, path, _TYPED_IN)
        return self.value(WIDE.multiply(found, Decimal(self.scale)), path)

    def untyped(self, value: Decimal) -> str:
        """Return how a person types a number of this field: the inverse of :meth:`typed`."""
        check_kind(value, Decimal, "value")
        if self.kind is FieldType.VERSION:
            major, rest = divmod(int(value), 10**6)
            return f"{major}.{rest // 1_000:02}.{rest % 1_000:02}"
        if self.scale == SECONDS_PER_DAY:
            # Half of the last place is 0.04 µs: less than half of what a duration is rounded to.
            days = WIDE.divide(value, Decimal(self.scale))
            return decimal_text(days.quantize(_STEP, context=WIDE))
        return decimal_text(WIDE.divide(value, Decimal(self.scale)))

    def has(self, have: Scalar, wanted: Scalar) -> bool:
        """Return whether ``have``, of an offer, equals ``wanted``, of a condition.

        A place equals its two-letter country too: ``"Quebec, CA"`` is ``"CA"``. A target is met by
        a claim that reaches it, a directive about regions by every offer.
        """
        if self.name == "georegion":
            return True
        if self.name == "target_reliability":
            return isinstance(have, Decimal) and isinstance(wanted, Decimal) and have >= wanted
        if self.kind is FieldType.PLACE:
            country = str(have).rpartition(",")[2].strip()
            return have == wanted or (len(str(wanted)) == 2 and country == wanted)
        return have == (like(have, wanted) if self.kind is FieldType.ANY else wanted)


# -- what an offer has -------------------------------------------------------------------------


def _dollars(steps: int) -> Decimal:
    return decimal_of(steps, PRICE_PLACES)


def _whole_price(offer: Offer, key: str, per_gpu: int) -> Decimal:
    """Return a price for the whole offer, in the source's digits where they say the same price.

    A third of a dollar a GPU is no whole number of pico-dollars, so three of them would be less
    than the dollar that the source asks.
    """
    # The source's digits count only while they round to the typed price: one that was changed since
    # the offer was read is the price that is meant.
    said = number(offer.extra.get(key))
    if said is not None and said.adjusted() < MAX_WHOLE:
        steps = WIDE.divide(said.scaleb(PRICE_PLACES, WIDE), Decimal(offer.gpus))
        if WIDE.subtract(steps, Decimal(per_gpu)).copy_abs() <= _HALF:
            return said
    return _dollars(per_gpu * offer.gpus)


def _min_bid(offer: Offer, _: View) -> Decimal | None:
    if "min_bid" in offer.unknown_prices:
        return None
    return _whole_price(offer, "min_bid", offer.prices.min_bid.steps)


def _dph_base(offer: Offer, view: View) -> Decimal | None:
    if view.mode is Mode.INTERRUPTIBLE:
        return _min_bid(offer, view)
    if "gpu" in offer.unknown_prices:
        return None
    return _whole_price(offer, "dph_base", offer.prices.gpu.steps)


def _storage_per_hour(offer: Offer, view: View) -> Decimal | None:
    if view.disk_mb and "storage" in offer.unknown_prices:
        return None
    return _dollars(stored_an_hour(offer.prices.storage, view.disk_mb))


def _dph_total(offer: Offer, view: View) -> Decimal | None:
    gpus, disk = _dph_base(offer, view), _storage_per_hour(offer, view)
    if gpus is not None and disk is not None:
        return WIDE.add(WIDE.add(gpus, disk), _sla_fee(offer, view))
    return None if view.mode is Mode.INTERRUPTIBLE else number(offer.extra.get("dph_total"))


def _dph_total_adj(offer: Offer, view: View) -> Decimal | None:
    total = _dph_total(offer, view)
    if total is None or (view.disk_mb and "download" in offer.unknown_prices):
        return number(offer.extra.get("dph_total_adj"))
    download = decimal_of(offer.prices.download.steps * view.disk_mb, PRICE_PLACES)
    adjusted = WIDE.divide(download, Decimal(MB_PER_GB * _ADJUSTED_STAY))
    return WIDE.add(total, adjusted.quantize(_STEP, context=WIDE))


def _sla_fee(offer: Offer, view: View) -> Decimal:
    """Return the fee of the promise that is asked for; 0 where there is none to buy."""
    promise, target = offer.promise, view.target
    on_demand = view.mode is Mode.ON_DEMAND
    if target is None or promise is None or target > promise.claim or not on_demand:
        return Decimal(0)
    from numgenius_core.sla.covers import cover, covered_price
    from numgenius_core.sla.terms import SlaTerms

    covered = covered_price(offer.per_hour, offer.prices.storage, view.disk_mb)
    return _dollars(cover(SlaTerms(promise, target), covered).fee.steps)


def _discounted(offer: Offer, view: View) -> Decimal | None:
    gpus, total = _dph_base(offer, view), _dph_total(offer, view)
    if gpus is None or total is None:
        return None
    rate = discount_rate(offer, view)
    verified = offer.verification is Verification.VERIFIED
    if rate is None and verified and view.mode is Mode.RESERVED:
        return None  # it has a reserved price, and nobody says which
    saved = WIDE.multiply(gpus, rate or Decimal(0))
    return WIDE.subtract(total, saved.quantize(_STEP, context=WIDE))


def _per_dollar(speed: str) -> Callable[[Offer, View], Scalar | None]:
    """Return a field that is a speed by the price seen: what the source said is of another disk."""

    def of(offer: Offer, view: View) -> Scalar | None:
        reserved = view.mode is Mode.RESERVED
        price = _discounted(offer, view) if reserved else _dph_total(offer, view)
        fast = FIELDS[speed].kept(offer)
        if price is None or not isinstance(fast, Decimal):
            return FIELDS[_PER_DOLLAR[speed]].kept(offer)
        if reserved:
            price = WIDE.add(price, _RESERVED_MORE)
        return WIDE.divide(fast, price).quantize(_STEP, context=WIDE) if price else None

    return of


def _known(name: str, steps: Callable[[Offer], int]) -> Callable[[Offer, View], Decimal | None]:
    return lambda offer, _: None if name in offer.unknown_prices else _dollars(steps(offer))


def _claim(offer: Offer, _: View) -> Decimal:
    """Return what the host claims: 0 for nothing."""
    if offer.promise is None:
        return Decimal(0)
    claim = offer.promise.claim
    return WIDE.divide(Decimal(claim.numerator), Decimal(claim.denominator))


def _chunked(offer: Offer, view: View) -> bool:
    """Return whether the client would keep an offer that it was asked for in chunks."""
    memory, cores = FIELDS["cpu_ram"].of(offer, view), FIELDS["cpu_cores"].of(offer, view)
    return not (
        (isinstance(memory, Decimal) and memory < _CHUNK_MB)
        or (isinstance(cores, Decimal) and cores < _CHUNK_CORES)
    )


def _gpu_frac(offer: Offer, _: View) -> Decimal | None:
    if offer.gpus_in_machine is None:
        return number(offer.extra.get("gpu_frac"))
    return Decimal(repr(offer.gpus / offer.gpus_in_machine))


def _disk_space(offer: Offer, _: View) -> Decimal | None:
    return None if disk_of(offer) is None else offer.disk_gb


def _max_discount(offer: Offer, _: View) -> Decimal | None:
    most = discount_of(offer)
    return None if most is None else WIDE.divide(Decimal(most.numerator), Decimal(most.denominator))


def _verification(offer: Offer, _: View) -> str | None:
    """Return what is said of the machine; nothing said was read as unverified."""
    found = offer.verification
    unsaid = found is Verification.UNVERIFIED and not says(offer, "verification")
    return None if unsaid else found.value


def _duration(offer: Offer, view: View) -> Decimal | None:
    if view.now is not None and offer.ends_at is not None:
        return Decimal(total_seconds(view.now, offer.ends_at))
    said = FIELDS["duration"].kept(offer)
    if isinstance(said, Decimal):
        return said
    if offer.ends_at is None:
        return Decimal("Infinity")  # compares and sorts as a number longer than any
    raise RuleViolation("now", "an instant, to know how long an offer lasts", "None")


# Typed fields of an offer come first, since a price that was changed is meant; the records of its
# source (``extra``) keep what they said when they were read.
_OF_OFFER: Final[Mapping[str, Callable[[Offer, View], Scalar | None]]] = {
    "id": lambda o, _: Decimal(o.id),
    "machine_id": lambda o, _: Decimal(o.machine),
    "gpu_name": lambda o, _: o.gpu_name,
    "num_gpus": lambda o, _: Decimal(o.gpus),
    "gpu_frac": _gpu_frac,
    "dph_base": _dph_base,
    "dph_total": _dph_total,
    "dph_total_adj": _dph_total_adj,
    "discounted_dph_total": _discounted,
    "discount_rate": discount_rate,
    **{name: _per_dollar(speed) for speed, name in _PER_DOLLAR.items()},
    "min_bid": _min_bid,
    "storage_cost": _known("storage", lambda o: o.prices.storage.steps),
    "storage_total_cost": _storage_per_hour,
    "inet_up_cost": _known("upload", lambda o: o.prices.upload.steps),
    "inet_down_cost": _known("download", lambda o: o.prices.download.steps),
    "disk_space": _disk_space,
    "credit_discount_max": _max_discount,
    "duration": _duration,
    "end_date": lambda o, _: None if o.ends_at is None else Decimal(to_epoch(o.ends_at)),
    "host_id": lambda o, _: o.host,
    "verification": _verification,
    "verified": lambda o, _: o.verification is Verification.VERIFIED,
    "rentable": lambda o, _: o.rentable,
    "ask_contract_id": lambda o, _: Decimal(o.id),
    "has_sla": lambda o, _: o.promise is not None,
    "expected_reliability": _claim,
    "target_reliability": _claim,
    "chunked": _chunked,
    "georegion": lambda _, __: True,
}

# -- the table ---------------------------------------------------------------------------------

_KINDS: Final = {
    FieldType.NUMBER: """
        id machine_id num_gpus gpu_frac dph_base dph_total dph_total_adj discounted_dph_total
        min_bid storage_cost storage_total_cost inet_up_cost inet_down_cost disk_space
        credit_discount_max duration end_date ask_contract_id avail_vol_ask_id avail_vol_dph
        avail_vol_size bundle_id bw_nvlink cluster_id compute_cap cpu_cores cpu_cores_effective
        cpu_ghz cpu_ram cuda_max_good direct_port_count discount_rate disk_bw dlperf
        dlperf_per_dphtotal expected_reliability flops_per_dphtotal geolocode gpu_lanes
        gpu_max_power gpu_max_temp gpu_mem_bw gpu_ram gpu_total_ram hosting_type inet_down
        inet_up nw_disk_avg_bw nw_disk_max_bw nw_disk_min_bw pci_gen pcie_bw reliability
        reliability2 reliability_mult rn score start_date target_reliability total_flops
        vericode vram_costperhour""",
    FieldType.VERSION: "driver_version",
    FieldType.FLAG: """
        chunked datacenter external georegion gpu_display_active has_avx has_sla is_bid
        is_vm_deverified rentable rented static_ip verified vms_enabled""",
    FieldType.TEXT: """
        cpu_arch cpu_name disk_name gpu_arch gpu_name host_id mobo_name os_version resource_type
        ubuntu_version verification""",
    FieldType.PLACE: "geolocation",
}
_SCALES: Final = {
    **dict.fromkeys(("cpu_ram", "gpu_ram", "gpu_total_ram"), MB_PER_GB),
    "duration": SECONDS_PER_DAY,
}
_ONE_UNIT: Final = {
    "cpu_ghz": "GHz",
    "disk_space": "GB",
    **dict.fromkeys(("inet_down", "inet_up"), "Mbit/s"),
    **dict.fromkeys(("end_date", "start_date"), "seconds since 1970"),
}
_ASKED_IN: Final = {
    **dict.fromkeys(_SCALES, "MB"),
    "duration": "seconds",
    **_ONE_UNIT,
}
_TYPED_IN: Final = {
    **dict.fromkeys(_SCALES, "GB"),
    "duration": "days",
    **_ONE_UNIT,
}
"""The units of numbers that people type, where a slip is likely; above, those of the API."""
_OTHER_KEYS: Final = {
    "bw_nvlink": "bw_nvlink_gbps",
    "cpu_ram": "cpu_ram_mb",
    "datacenter": "hosting_type",
    "disk_bw": "disk_bw_mbps",
    "driver_version": "driver_vers",
    "duration": "duration_seconds",
    "gpu_max_power": "gpu_max_power_w",
    "gpu_mem_bw": "gpu_mem_bw_gbps",
    "inet_down": "inet_down_mbps",
    "inet_up": "inet_up_mbps",
    "reliability": "reliability2",
    "reliability2": "reliability",
    "ubuntu_version": "os_version",
    "vram_costperhour": "vram_cost_per_hour",
}

FIELDS: Final[Mapping[str, Field]] = {
    name: Field(
        name,
        kind,
        _SCALES.get(name, 1),
        (name, _OTHER_KEYS[name]) if name in _OTHER_KEYS else (name,),
    )
    for kind, names in _KINDS.items()
    for name in names.split()
}
"""Every field that the marketplace's search knows, by the API's name for it."""

RESERVED_WORDS: Final = frozenset({"allocated_storage", "limit", "order", "q", "type"})
"""What a request has beside its conditions: no field of an offer."""


def field_named(name: object, path: str, *, known: bool = True) -> Field:
    """Return a field by its name or alias.

    Args:
        name: As people or the API write it.
        path: What messages call it.
        known: Whether a name that is not known is a fault; else it is a field of kind ``ANY``.

    Raises:
        WrongType: It is no text.
        RuleViolation: It is not known, or can be no field's name; the message says which known
            field is nearest.
    """
    if not isinstance(name, str):
        raise WrongType(path, "the name of a field", shown(name))
    found = FIELDS.get(ALIASES.get(name, name))
    if found is not None:
        return found
    if known or not _NAME.fullmatch(name) or name in RESERVED_WORDS:
        near = (
            nearest_field(name, FIELDS) if _NAME.fullmatch(name) else None
        )  # never for megabytes of text
        hint = f" (did you mean {near}?)" if near else ""
        raise RuleViolation(path, f"the name of a field{hint}", shown(name))
    return Field(name, FieldType.ANY, keys=(name,))
