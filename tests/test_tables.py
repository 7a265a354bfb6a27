"""Tables as text and as HTML."""

from __future__ import annotations

import pytest

from numgenius_core._tables import ResultTable
from numgenius_core.errors import RuleViolation


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

    def test_long_tables_are_cut(self) -> None:
        table = ResultTable(title="", head=("a", "b"), rows=(("x", "y"),) * 120)
        assert table._repr_html_().count("<tr>") == 101
        assert table._repr_html_().endswith("<p>… and 20 more</p>")
        assert str(table).splitlines()[-1] == "… and 20 more"
        whole = ResultTable(title="", head=("a", "b"), rows=(("x", "y"),) * 100)
        assert "more" not in whole._repr_html_()

    def test_no_title(self) -> None:
        table = ResultTable(title="", head=("a", "b"), rows=())
        assert str(table) == "a  b"
        assert "caption" not in table._repr_html_()

    def test_rows_of_another_length(self) -> None:
        with pytest.raises(RuleViolation, match=r"rows\[0\]: need 2 cells"):
            ResultTable(title="", head=("a", "b"), rows=(("x",),))
