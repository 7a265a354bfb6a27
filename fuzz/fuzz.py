"""Throw hostile input at whatever takes input, guided by the code it reaches (atheris, libFuzzer).

    pip install -e . --group fuzz
    python fuzz/fuzz.py query -runs=1000000 -max_len=4096

Inputs: ``offers`` (documents of a market), ``rows`` (an account's machines, instances, volumes,
charges, invoices and earnings), ``query`` (what people type), ``request`` (the API's
JSON), ``values`` (numbers, instants and durations as text), ``documents`` (JSON of our own),
``command`` (the arguments of ``numgenius``), ``service`` (requests to the example service, which
must answer each with 2xx or 4xx). Whatever comes in, only our errors may come out; libFuzzer stops
at the first other one, at an input that takes more than ``-timeout`` seconds (10 here), and at a
memory of more than ``-rss_limit_mb`` (2,048). Each input begins with a few good inputs. What is
JSON is mostly changed into other JSON (``mutator.py``), or hardly an input would get past the
parser.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris
from mutator import mutator

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["numgenius_core", "examples"]):
    from service import SEEDS as SEEDS_OF_SERVICE, WORDS as WORDS_OF_SERVICE, ServiceInput

    from numgenius_core import _command as command_line, intervals, money, units
    from numgenius_core.documents import _convert as documents
    from numgenius_core.errors import NumgeniusError
    from numgenius_core.market import journal
    from numgenius_core.search import (
        ALIASES,
        FIELDS,
        _language as search,
        request as search_request,
    )
    from numgenius_core.wire import charges, earnings, instances, machines, reading as wire, volumes

RECORD = b'{"id":1,"machine_id":2,"num_gpus":2,"gpu_name":"RTX 4090","dph_base":0.8,"min_bid":0.1}'
SEEDS: dict[str, tuple[bytes, ...]] = {
    "offers": (
        b"[" + RECORD + b"]",
        b'{"offers":[' + RECORD + b"," + RECORD + b"]}",
        RECORD + b"\n" + RECORD + b"\n",
        b"offer_id,machine_id,gpu_name,num_gpus,dph_total\n1,2,RTX 3090,4,0.5\n",
    ),
    "rows": (
        (
            b'{"results":[{"type":"instance","source":"instance-7","amount":1.5,"start":1767225600,'
            b'"end":1767312000,"items":[{"type":"gpu","description":"9.000 hours at $0.1/hour",'
            b'"amount":0.9,"start":1767225600,"end":1767258000},{"type":"sla","amount":-0.5}]}]}'
        ),
        b'[{"type":"payout","source":"wise","amount":2,"start":1,"end":null,"metadata":{}}]',
        (
            b'{"sday":20454,"eday":20455,"per_machine":[{"machine_id":7,"gpu_earn":1,"sto_earn":2,'
            b'"bwu_earn":0,"bwd_earn":0}],"per_day":[{"day":20454,"gpu_earn":1}]}'
        ),
        b'{"volumes":[{"id":12,"disk_space":9,"storage_total_cost":0.1,"instances":[31]}]}',
        b'[{"id":7,"gpu_name":"A","num_gpus":2,"listed_gpu_cost":0.3,"gpu_occupancy":"D x "}]',
        b'[{"id":9,"machine_id":7,"gpu_name":"A","num_gpus":2,"actual_status":"running"}]',
    ),
    "query": (
        b"gpu_name in [RTX_4090, RTX_3090] num_gpus>=4 dph<2.5",
        b'geolocation notin [CN,VN] verified=any duration>=7 gpu_name="A\\_B" external not in [x]',
    ),
    "request": (
        b'{"verified":{"eq":true},"num_gpus":{"in":["2","4"]},"limit":5,"allocated_storage":5.0}',
        b'{"order":[["score","desc"]],"type":"on-demand"}',
    ),
    "values": (b"0.4", b"2026-12-31T00:00:00Z", b"1d 12h", b"3 months", b"-1.5", b"1e5"),
    "service": tuple(json.dumps(seed).encode() for seed in SEEDS_OF_SERVICE),
    "command": (
        b"slices\x007\x00--min-gpu\x002",
        b"reserve\x00--price\x001\x00--months\x001\x00--cancel-after\x0015d",
        b"quote\x00--sample\x00--gpus\x004\x00--hours\x0072\x00--where\x00num_gpus>=2",
    ),
}
OPERATORS = (
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "notin",
    "asc",
    "desc",
    "order",
    "limit",
    "q",
)
WORDS: dict[str, tuple[str, ...]] = {  # of the inputs that are JSON, beside those of their seeds
    "offers": ("offers", "geolocation", "verification", "gpu_frac", "storage_cost", "end_date"),
    "rows": ("charges", "volume", "serverless", "bwu", "sla_earn", "storage_cost", "end_date"),
    "documents": (),
    "request": (*FIELDS, *ALIASES, *OPERATORS, "allocated_storage", "type", "bid", "on-demand"),
    "service": (*WORDS_OF_SERVICE, *OPERATORS, "pass"),
}


def seeds_of(name: str) -> tuple[bytes, ...]:
    """Return good examples of an input; for documents those of version 1, events and a market."""
    if name != "documents":
        return SEEDS[name]
    service = ServiceInput()
    for seed in SEEDS["service"]:
        service(seed)
    golden = [path.read_bytes() for path in sorted(ROOT.glob("tests/golden/1/*.json"))]
    return (*golden, *service.documents())


def text_of(data: bytes) -> str:
    """Return bytes as text; what is no UTF-8 becomes lone surrogates, the worst text there is."""
    return data.decode("utf-8", "surrogateescape")


def offers(data: bytes) -> None:
    """Read a document as offers, and write what was read."""
    for offer in wire.read_offers(data, on_error="collect").offers:
        wire.offer_to_record(offer)


def rows(data: bytes) -> None:
    """Read a document as each kind of an account's rows."""
    for read in (
        machines.read_machines,
        instances.read_instances,
        volumes.read_volumes,
        charges.read_charges,
        charges.read_invoices,
        earnings.read_earnings,
    ):
        with contextlib.suppress(NumgeniusError):
            for row in read(data, on_error="collect").rows:  # type: ignore[operator]
                json.dumps(row.extra)


def query(data: bytes) -> None:
    """Parse a query; what it prints as must parse as the same."""
    parsed = search.parse(text_of(data))
    if search.parse(str(parsed)) != parsed:
        raise AssertionError(f"{parsed} does not read back")


def request(data: bytes) -> None:
    """Read a search request of the API; what it writes must read as the same."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return  # a service's own business
    asked = search_request.SearchRequest.from_json(body)
    if search_request.SearchRequest.from_json(asked.to_json()) != asked:
        raise AssertionError(f"{asked} does not read back")


def values(data: bytes) -> None:
    """Read a text as each kind of number and time."""
    text = text_of(data)
    for read in (
        money.Money,
        money.PerGpuHour,
        money.PerHour.nearest,
        units.to_megabytes,
        units.to_bytes,
        intervals.parse_instant,
        intervals.parse_duration,
    ):
        with contextlib.suppress(NumgeniusError):
            read(text)  # type: ignore[operator]


def own_documents(data: bytes) -> None:
    """Read a document of ours: any value, an event, a market."""
    for read in (documents.from_json, journal.event_from_json, journal.market_from_json):
        with contextlib.suppress(NumgeniusError):
            value = read(data)
            if read is documents.from_json and read(documents.to_json(value)) != value:
                raise AssertionError(f"{value} does not read back")


def command(data: bytes) -> None:
    """Run the command; it may only exit with 0 or 2."""
    arguments = [each for each in text_of(data).split("\x00") if each != "-"]  # not our stdin
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = command_line.main(arguments)
        except SystemExit as left:
            code = left.code
    if code not in (None, 0, 2):
        raise AssertionError(f"exit status {code}")


INPUTS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "offers": lambda: offers,
    "rows": lambda: rows,
    "query": lambda: query,
    "request": lambda: request,
    "values": lambda: values,
    "documents": lambda: own_documents,
    "command": lambda: command,
    "service": ServiceInput,
}


def main() -> None:
    """Fuzz the input that the first argument names; the others are libFuzzer's."""
    name, *options = sys.argv[1:] or [""]
    if name not in INPUTS:
        sys.exit(f"fuzz.py: which input? {', '.join(INPUTS)}")
    target, seeds = INPUTS[name](), seeds_of(name)

    def one(data: bytes) -> None:
        with contextlib.suppress(NumgeniusError):
            target(data)

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            Path(corpus, str(number)).write_bytes(seed)
        arguments = [sys.argv[0], "-timeout=10", "-print_final_stats=1", *options, corpus]
        if name in WORDS:
            changed = mutator(seeds, WORDS[name])
            atheris.Setup(arguments, one, custom_mutator=changed)
        else:
            atheris.Setup(arguments, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
