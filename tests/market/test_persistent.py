"""Tables, series and sorted items that are replaced, never changed, against dicts and lists."""

from __future__ import annotations

import pickle
import random
from operator import is_
from typing import Any

import pytest
from hypothesis import given, strategies as st

from numgenius_core.market import _persistent
from numgenius_core.market._persistent import Series, Sorted, Table

keys = st.one_of(
    st.integers(-(2**63), 2**63), st.sampled_from(["ann", "bob", ""]), st.integers(0, 9)
)
changes = st.lists(st.tuples(st.booleans(), keys, st.integers(0, 3)), max_size=60)


def layers_of(table: Table[Any, Any]) -> list[dict[Any, Any]]:
    return [table._top, *table._below]


class TestTable:
    """A table is a dict whose old versions stay."""

    @given(start=st.dictionaries(keys, st.integers(), max_size=80), steps=changes)
    def test_it_is_a_dict_after_every_change_and_every_old_one_stays(
        self, start: dict[Any, int], steps: list[tuple[bool, Any, int]]
    ) -> None:
        table, known = Table(start), dict(start)
        versions = [(table, dict(known))]
        for add, key, value in steps:
            if add:
                table, known = table.set(key, value), known | {key: value}
            else:
                table = table.without(key)
                known.pop(key, None)
            versions.append((table, dict(known)))
        for version, what in versions:
            assert version == what
            assert len(version) == len(what)
            assert dict(version.items()) == what
            assert {key: version[key] for key in what} == what

    @given(
        start=st.dictionaries(st.integers(0, 99), st.integers(), max_size=80),
        new=st.dictionaries(st.integers(0, 99), st.integers(), max_size=9),
        gone=st.lists(st.integers(100, 120) | st.integers(0, 99), max_size=9),
    )
    def test_many_change_at_once(
        self, start: dict[int, int], new: dict[int, int], gone: list[int]
    ) -> None:
        gone = [key for key in gone if key not in new]
        table = Table(start)
        what = {key: value for key, value in (start | new).items() if key not in gone}
        assert dict(table.updated(new, gone).items()) == what
        assert dict(table.items()) == start

    @pytest.mark.parametrize("most", [31, 33, 65, 1_025, 40_000])
    def test_it_grows_and_shrinks_past_the_room_of_its_layers(self, most: int) -> None:
        table: Table[int, int] = Table()
        for number in range(most):
            table = table.set(number, -number)
        assert dict(table.items()) == {number: -number for number in range(most)}
        assert all(table[number] == -number for number in range(most))
        assert most not in table
        assert table.get(most, "none") == "none"
        assert list(table.values()) == [-number for number in range(most)]
        for number in range(most - 1):
            table = table.without(number)
        assert dict(table.items()) == {most - 1: 1 - most}
        assert len(table) == 1
        assert sum(map(len, layers_of(table))) <= 2 * 33  # what is gone takes no room for long

    @pytest.mark.parametrize(
        ("entries", "layers"), [(32, 1), (33, 2), (1_024, 2), (1_025, 3), (32_769, 4)]
    )
    def test_it_is_as_deep_as_its_entries_ask_for(self, entries: int, layers: int) -> None:
        assert len(layers_of(Table((n, n) for n in range(entries)))) == layers

    def test_a_change_copies_32_entries_for_each_layer_on_average(self) -> None:
        table, copied = Table((number, number) for number in range(20_000)), 0
        for change in range(5_000):
            after = table.set(change * 7 % 20_000, change)
            known = {id(each) for each in layers_of(table)}
            copied += sum(len(each) for each in layers_of(after) if id(each) not in known)
            table = after
        assert len(layers_of(table)) == 3
        assert 16 <= copied / 5_000 <= 3 * 32

    @pytest.mark.parametrize(
        ("new", "sizes"), [(32, [32, 0]), (33, [0, 33]), (1_024, [0, 1_024]), (1_025, [0, 0])]
    )
    def test_changes_go_down_to_the_first_layer_with_room(self, new: int, sizes: list[int]) -> None:
        table = Table((n, n) for n in range(2_000)).updated({-n: n for n in range(1, new + 1)})
        bottom = 2_000 if any(sizes) else 2_000 + new
        assert [len(each) for each in layers_of(table)] == [*sizes, bottom]
        assert len(table) == 2_000 + new

    def test_what_is_not_full_is_shared(self) -> None:
        before = Table((number, number) for number in range(5_000))
        after = before.set(7, 8)
        assert layers_of(before)[1:] == layers_of(after)[1:]
        assert all(map(is_, layers_of(before)[1:], layers_of(after)[1:]))
        assert layers_of(after)[0] == {7: 8}

    def test_it_keeps_the_order_in_which_keys_came(self) -> None:
        table = Table((number, 0) for number in range(31, 0, -1)).set(5, 1).set(40, 2)
        assert list(table) == [*range(31, 0, -1), 40]
        for number in range(41, 2_000):
            table = table.set(number, 0).set(7, number)
        assert list(table) == [*range(31, 0, -1), *range(40, 2_000)]

    def test_it_counts_what_is_gone_and_what_came_back(self) -> None:
        table = Table((number, number) for number in range(100))
        without = table.without(3).without(4).set(100, 0).set(3, 5)
        assert (len(table), len(without), len(without.without(100))) == (100, 100, 99)
        assert (without[3], 4 in without, without.get(4, "none")) == (5, False, "none")
        with pytest.raises(KeyError, match=r"^4$"):
            without[4]

    def test_it_counts_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = Table((number, number) for number in range(100)).without(3).set(100, 0).set(101, 0)
        assert len(table) == 101

        def again(_: object) -> dict[Any, Any]:
            raise AssertionError("it is counted a second time")

        monkeypatch.setattr(_persistent, "_all_of", again)
        assert len(table) == 101
        with pytest.raises(AssertionError, match="a second time"):
            len(table.without(4))  # another table counts anew

    @given(
        start=st.dictionaries(keys, st.integers(), max_size=80),
        more=st.dictionaries(keys, st.integers(), max_size=80),
    )
    def test_many_changes_at_once_are_one_after_the_other(
        self, start: dict[Any, int], more: dict[Any, int]
    ) -> None:
        table = Table(start)
        assert dict(table.updated(more).items()) == start | more
        assert table == start

    def test_what_it_has_not(self) -> None:
        table = Table({1: "a"})
        assert 2 not in table
        assert table.without(2) is table
        assert (table.get(2), table.get(2, 3)) == (None, 3)
        with pytest.raises(KeyError):
            table[2]

    def test_a_table_travels(self) -> None:
        table = Table((number, number) for number in range(100))
        assert pickle.loads(pickle.dumps(table)) == table
        assert hash(pickle.loads(pickle.dumps(table))) == hash(table)
        assert repr(Table({1: 2})) == "Table({1: 2})"


class TestSeries:
    """A series is a list that is only added to, whose old versions stay."""

    @given(st.lists(st.integers(), max_size=30), st.lists(st.integers(), max_size=30))
    def test_it_is_a_list_after_every_addition(self, start: list[int], more: list[int]) -> None:
        series, known = Series(start), list(start)
        versions = [(series, list(known))]
        for value in more:
            series = series.add(value)
            known.append(value)
            versions.append((series, list(known)))
        for version, what in versions:
            assert list(version) == what
            assert list(reversed(version)) == what[::-1]
            assert len(version) == len(what)
            assert version == Series(what)
            assert hash(version) == hash(Series(what))
            assert list(version[1:]) == what[1:]

    def test_it_is_told_from_others(self) -> None:
        assert Series([1, 2]) != Series([2, 1])
        assert Series([1]) != Series([1, 1])
        assert Series([1]) != [1]
        assert Series([5, 6])[-1] == 6

    def test_a_long_one_travels(self) -> None:
        series = Series(range(100_000))
        assert pickle.loads(pickle.dumps(series)) == series
        assert repr(Series([1])) == "Series((1,))"


class TestSorted:
    """Sorted items are a sorted list, whose old versions stay."""

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=80))
    def test_it_is_a_sorted_list_after_every_change(self, steps: list[tuple[bool, int]]) -> None:
        items: Sorted[int] = Sorted()
        known: list[int] = []
        versions = [(items, list(known))]
        for add, value in steps:
            if add:
                items = items.add(value)
                known = sorted([*known, value])
            else:
                items = items.without(value)
                if value in known:
                    known.remove(value)
            versions.append((items, list(known)))
        for version, what in versions:
            assert list(version) == what
            assert len(version) == len(what)
            assert version.first == min(what, default=None)
            assert version == Sorted(what)

    @pytest.mark.parametrize("size", [0, 1, 5, 64, 65, 1_000])
    def test_one_takes_the_place_of_another(self, size: int) -> None:
        draws = random.Random(size)
        known = sorted(draws.randrange(2_000) for _ in range(size))
        items = Sorted(known)
        for _ in range(60):
            old, new = draws.choice([*known, -1, 2_000]), draws.randrange(2_000)
            before, items = items, items.replaced(old, new)
            assert list(before) == known
            if old in known:
                known.remove(old)
            known = sorted([*known, new])
            assert list(items) == known
            assert items.first == known[0]

    @pytest.mark.parametrize("seed", range(3))
    def test_thousands_come_and_go(self, seed: int) -> None:
        draws = random.Random(seed)
        numbers = [draws.randrange(10**6) for _ in range(3_000)]
        items: Sorted[int] = Sorted()
        for number in numbers:
            items = items.add(number)
        assert list(items) == sorted(numbers)
        assert max(map(len, items._pieces())) <= 128
        draws.shuffle(numbers)
        for number in numbers[1:]:
            items = items.without(number)
        assert list(items) == [numbers[0]]

    def test_what_it_has_not(self) -> None:
        items = Sorted([1, 3])
        assert items.without(2) is items
        assert Sorted[int]().without(1) == Sorted()
        assert Sorted([1]) != [1]

    def test_it_travels(self) -> None:
        items = Sorted(range(1_000))
        assert pickle.loads(pickle.dumps(items)) == items
        assert hash(pickle.loads(pickle.dumps(items))) == hash(items)
        assert repr(Sorted([2, 1])) == "Sorted([1, 2])"
