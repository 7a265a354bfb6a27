"""Tables as text and as HTML."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import frozen

from numgenius_core._tables import Tabular, numbers
from numgenius_core._tables.result import ResultTable
from numgenius_core.errors import RuleViolation
from numgenius_core.intervals import Interval
from numgenius_core.money import Money


class TestATable:
    """Plain text, and small and escaped HTML."""

    def test_columns_line_up(self) -> None:
        table = ResultTable(
            title="t", head=("a", "b $"), rows=(("long one", "1.00"), ("x", "12.00"))
        )
        assert str(table) == "t\na           b $\nlong one   1.00\nx         12.00"

    def test_html_is_escaped(self) -> None:
        nasty = '<script>"&'
        table = ResultTable(title=nasty, head=(nasty, nasty), rows=((nasty, nasty),))
        html = table._repr_html_()
        assert "<script>" not in html
        assert html.count("&lt;script&gt;&quot;&amp;") == 5

    def test_of_a_long_table_the_middle_is_left_out(self) -> None:
        rows = tuple((f"row {n}", str(n)) for n in range(1_119))
        table = ResultTable(title="t", head=("a", "b"), rows=(*rows, ("in all", "7")))
        lines = str(table).splitlines()
        assert lines[:3] == ["t", "a            b", "row 0        0"]
        assert lines[51:54] == ["row 49      49", "… 1,020 rows left out …", "row 1070  1070"]
        assert lines[-1] == "in all       7"
        assert len(lines) == 2 + 100 + 1
        html = table._repr_html_()
        assert html.count("<tr>") == 1 + 100 + 1
        assert '<tr><td colspan="2">… 1,020 rows left out …</td></tr>' in html
        assert html.index("row 49<") < html.index("left out") < html.index("row 1070<")
        assert html.endswith(">7</td></tr></tbody></table>")

    def test_a_hundred_rows_are_shown(self) -> None:
        table = ResultTable(title="", head=("a", "b"), rows=(("x", "y"),) * 100)
        assert "left out" not in table._repr_html_()
        assert str(table) == table.text()
        assert len(str(table).splitlines()) == 101

    def test_all_rows_as_text(self) -> None:
        rows = tuple((f"row {n}", str(n)) for n in range(300))
        lines = ResultTable(title="t", head=("a", "b"), rows=rows).text().splitlines()
        assert lines[0] == "t"
        assert [line.split()[-1] for line in lines[2:]] == [str(n) for n in range(300)]

    def test_no_title(self) -> None:
        table = ResultTable(title="", head=("a", "b"), rows=())
        assert str(table) == "a  b"
        assert "caption" not in table._repr_html_()

    def test_notes_stand_below(self) -> None:
        table = ResultTable(title="t", head=("a", "b"), rows=(("x", "1"),), notes=("<n>", "m"))
        assert str(table) == table.text() == "t\na  b\nx  1\n<n>\nm"
        foot = (
            '<tfoot><tr><td colspan="2">&lt;n&gt;</td></tr><tr><td colspan="2">m</td></tr></tfoot>'
        )
        assert table._repr_html_().endswith(f"</tbody>{foot}</table>")

    def test_rows_of_another_length(self) -> None:
        with pytest.raises(RuleViolation, match=r"rows\[0\]: need 2 cells"):
            ResultTable(title="", head=("a", "b"), rows=(("x",),))


@frozen(kw_only=True)
class Result(Tabular):
    """A value with a table."""

    name: str

    def _rows(self) -> list[object]:
        return [{"line": "GPU", "dollars": Money("1.5")}]

    def table(self) -> ResultTable:
        return ResultTable(title=self.name, head=("a",), rows=(("<b>",),))


class TestAResultWithATable:
    """It prints as its table and is one in a notebook; otherwise it is a value like others."""

    def test_its_rows_are_numbers(self) -> None:
        assert Result(name="bill").to_dicts() == [{"line": "GPU", "dollars": 1.5}]

    def test_a_time_is_its_ends_and_a_length_its_seconds(self) -> None:
        start, day = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
        row = {"period": Interval(start, start + day), "vacancy": day / 2}
        assert numbers(row) == {"start": start, "end": start + day, "vacancy": 43_200.0}

    def test_it_shows_its_table(self) -> None:
        result = Result(name="r")
        assert str(result) == str(result.table()) == "r\na\n<b>"
        assert result._repr_html_() == result.table()._repr_html_()
        assert f"{result}" == "r\na\n<b>"
        assert repr(result) == "Result(name='r')"

    def test_it_has_no_room_for_more(self) -> None:
        assert not hasattr(Result(name="r"), "__dict__")
        assert Result(name="r") == Result(name="r") != Result(name="s")

    def test_one_without_a_table_is_not_made(self) -> None:
        with pytest.raises(TypeError, match="table"):
            Tabular()  # type: ignore[abstract]

    def test_all_results_with_tables_share_it(self) -> None:
        from numgenius_core.billing import Statement
        from numgenius_core.maintenance import BackfillPlan, FleetPlan, WindowPlan
        from numgenius_core.planning import BidPlan, CommitmentPlan, DeadlinePlan, RelistingPlan
        from numgenius_core.prices import Quote, Ranking
        from numgenius_core.whatif import Answer, Outcome, Sweep

        results = (Answer, BidPlan, CommitmentPlan, DeadlinePlan, Outcome, Quote, Statement, Sweep)
        plans = (BackfillPlan, FleetPlan, Ranking, RelistingPlan, WindowPlan)
        assert all(issubclass(each, Tabular) for each in results + plans)
