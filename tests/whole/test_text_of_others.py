"""Text of a market is anybody's: what is shown of it stays in its line and acts on no terminal.

Readers keep it as it is, so that one odd field loses nobody a file, and so do answers for programs.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, strategies as st

from numgenius_core import InvalidDocument, ParseError, RuleViolation, read_sample
from numgenius_core._command import main
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import one_line
from numgenius_core.search import FIELDS, FieldType, parse, remarks
from numgenius_core.wire import Finding, FindingKind, read_offers
from numgenius_core.wire.reading import sample_path

HOSTILE: Final = "\x1b]0;pwn\x07 \n\r\n\x9b2J\u2028\u202eab\x7f\t Poland, PL"
SHOWN: Final = "\\x1b]0;pwn\\x07    \\x9b2J \\u202eab\\x7f  Poland, PL"
SELDOM: Final = st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Lu"]))
"""Text of the characters that are seldom in any, and of letters."""
TEXTS: Final = sorted(
    name
    for name, field in FIELDS.items()
    if field.kind in (FieldType.TEXT, FieldType.PLACE)
    and name not in ("gpu_name", "host_id", "verification")  # these are checked when they are read
)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file of a market whose every text is hostile."""
    records = json.loads(sample_path().read_bytes())
    offers = records["offers"] if isinstance(records, dict) else records
    for record in offers:
        record.update(dict.fromkeys(TEXTS, HOSTILE))
    path = tmp_path_factory.mktemp("market") / "market.json"
    path.write_text(json.dumps(records))
    return str(path)


def is_shown_well(text: str) -> bool:
    return text.replace("\n", "").isprintable()


class TestTheCommand:
    """Whatever it prints has the lines that are its own."""

    @pytest.mark.parametrize("name", TEXTS)
    def test_every_column(self, name: str, market: str, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["quote", market, "--hours", "1", "--any", "--top", "3", "--columns", f"id,{name}"]
        assert main(words) == 0
        out = capsys.readouterr().out
        assert is_shown_well(out)
        assert [line.rstrip().endswith(SHOWN) for line in out.split("\n")[1:4]] == [True] * 3
        assert len(out.split("\n")) == 1 + 3 + 1 + 1  # the head, rows, what was left out, the end

    @pytest.mark.parametrize(
        "words",
        [
            *("quote", "quote --all", "quote --why 9000161", "compare"),
            *(f"quote --where {name}=nowhere" for name in TEXTS),
            *(f"quote --where {name}~Pola" for name in TEXTS),
            "quote --mode reserved --where geolocation=nowhere --all",
        ],
    )
    def test_every_answer(
        self, words: str, market: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*words.split(), market, "--any", "--hours", "24"]) in (0, 1)
        said = capsys.readouterr()
        assert said.out
        assert is_shown_well(said.out + said.err)

    def test_programs_get_the_text_and_a_terminal_nothing_to_act_on(
        self, market: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["quote", market, "--any", "--columns", ",".join(TEXTS), "--json"]) == 0
        out = capsys.readouterr().out
        assert is_shown_well(out)
        for row in json.loads(out)["offers"]:
            assert {row[name] for name in TEXTS} == {HOSTILE}

    def test_what_is_typed(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        missing = str(tmp_path / "\x1b[2J\n.json")
        for words in (
            *(["quote", missing], ["bid", missing], ["quote", "--sample", "--gpu", HOSTILE]),
            *(["quote", "--sample", HOSTILE], ["quote", "--sample", "--sort", HOSTILE]),
        ):
            assert main(words) in (1, 2)
            said = capsys.readouterr()
            assert is_shown_well(said.out + said.err)
            assert said.err.count("\n") == 1
        with pytest.raises(SystemExit):
            main([HOSTILE])
        err = capsys.readouterr().err
        assert is_shown_well(err)
        assert err.count("\n") == 1

    def test_there_is_one_way_to_print_a_line(self) -> None:
        """``print`` itself stands only in what makes a line of a text first."""
        folder = Path(one_line.__globals__["__file__"]).parent / "_command"
        found = {
            path.stem
            for path in folder.glob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Name) and node.id == "print"
        }
        assert found == {"__init__", "_saying", "_table"}


class TestInPython:
    """So do tables, errors, remarks and findings."""

    @given(SELDOM, SELDOM, SELDOM, SELDOM)
    def test_tables(self, title: str, head: str, cell: str, note: str) -> None:
        table = ResultTable(
            title=f"t{title}", head=(head, head), rows=((cell, cell),) * 2, notes=(note,)
        )
        for text in (str(table), table.text()):
            assert is_shown_well(text)
            assert text.count("\n") == 1 + 2 + 1
        assert table._repr_html_().isprintable()
        assert table.rows[0][0] == cell

    def test_a_table_lines_up(self) -> None:
        table = ResultTable(title="", head=("a", "b"), rows=(("\x1b", "1"), ("x", "2")))
        assert str(table) == "a     b\n\\x1b  1\nx     2"

    @given(SELDOM, SELDOM, SELDOM)
    def test_errors(self, path: str, need: str, got: str) -> None:
        fault = RuleViolation(path, need, got)
        assert str(fault).isprintable()
        assert (fault.path, fault.need, fault.got) == (path, need, got)
        assert str(fault.at(got)).isprintable()
        document = str(InvalidDocument(path, [fault, fault]))
        assert is_shown_well(document)
        assert document.count("\n") == 2

    def test_a_file_that_cannot_be_read(self) -> None:
        for text in ("[{\x1b[2J\n", f'{{"{HOSTILE}": 1}}', f"id;{HOSTILE}\n1;2\n"):
            with pytest.raises(RuleViolation) as refused:
                read_offers(text.encode())
            assert str(refused.value).isprintable()
        assert issubclass(ParseError, RuleViolation)

    def test_remarks_and_readings(self, market: str) -> None:
        reading = read_offers(Path(market))
        assert {str(offer.extra["cpu_name"]) for offer in reading.offers} == {HOSTILE}
        for name in TEXTS:
            for remark in remarks(parse(f"{name}=nowhere"), reading.offers):
                assert str(remark).isprintable()

    def test_findings(self) -> None:
        offer = read_sample().offers[0]
        finding = Finding(
            kind=FindingKind.UNEVEN_PRICES,
            machine=offer.machine,
            offers=(offer.id,),
            detail=HOSTILE,
        )
        assert str(finding) == f"machine {offer.machine}: {SHOWN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Poland, PL", "Poland, PL"),
        ("Zürich, CH 東京 🙂", "Zürich, CH 東京 🙂"),
        ("a\u00a0b\u3000c", "a b c"),
        ("a\r\nb\tc", "a  b c"),
        ("\x1b[31m\x07\x7f\x9b", "\\x1b[31m\\x07\\x7f\\x9b"),
        ("\u202e\u200b\udc80", "\\u202e\\u200b\\udc80"),
        (HOSTILE, SHOWN),
    ],
)
def test_what_is_shown(text: str, shown: Any) -> None:
    assert one_line(text) == shown
