"""Tables and queues that are replaced and never changed, against a dict and a sorted list."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st

from numgenius_core.market._persistent import Queue, Table

keys = st.one_of(
    st.integers(-(2**63), 2**63), st.sampled_from(["ann", "bob", ""]), st.integers(0, 9)
)
changes = st.lists(st.tuples(st.booleans(), keys, st.integers(0, 3)), max_size=60)


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

    def test_it_grows_and_shrinks_past_the_size_of_its_buckets(self) -> None:
        table: Table[int, int] = Table()
        for number in range(1_000):
            table = table.set(number, -number)
        assert dict(table.items()) == {number: -number for number in range(1_000)}
        assert len(table._buckets) ** 2 >= 1_000
        for number in range(999):
            table = table.without(number)
        assert dict(table.items()) == {999: -999}

    def test_a_change_shares_all_but_one_bucket(self) -> None:
        before = Table((number, number) for number in range(5_000))
        after = before.set(7, 8)
        pairs = zip(before._buckets, after._buckets, strict=True)
        assert sum(old is not new for old, new in pairs) == 1
        most = max(map(len, before._buckets))
        assert most <= 3 * len(before._buckets)  # about as many entries as there are buckets

    def test_a_key_that_is_not_there(self) -> None:
        table = Table({1: "a"})
        with pytest.raises(KeyError):
            table[2]
        assert table.get(2) is None
        assert table.without(2) is table
        assert 2 not in table

    def test_setting_again_does_not_count_twice(self) -> None:
        table = Table({1: "a"}).set(1, "b")
        assert (len(table), table[1]) == (1, "b")

    @given(st.dictionaries(keys, st.integers(), max_size=40))
    def test_the_order_of_its_making_does_not_matter(self, entries: dict[Any, int]) -> None:
        forth, back = Table(entries), Table(reversed(list(entries.items())))
        one_by_one: Table[Any, int] = Table()
        for key, value in entries.items():
            one_by_one = one_by_one.set(key, value)
        assert forth == back == one_by_one == entries
        assert hash(forth) == hash(back) == hash(one_by_one)

    @given(st.dictionaries(keys, st.integers(), max_size=40))
    def test_pickled_and_shown(self, entries: dict[Any, int]) -> None:
        table = Table(entries)
        again = pickle.loads(pickle.dumps(table))
        assert type(again) is Table
        assert again == table
        assert repr(table) == f"Table({dict(table.items())!r})"


class TestQueue:
    """A queue is a sorted list whose old versions stay."""

    @given(
        start=st.lists(st.integers(0, 20), max_size=30),
        steps=st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=60),
    )
    def test_it_is_a_sorted_list_after_every_change_and_every_old_one_stays(
        self, start: list[int], steps: list[int | None]
    ) -> None:
        queue, known = Queue(start), sorted(start)
        versions = [(queue, known)]
        for item in steps:
            if item is None:
                queue, known = queue.rest(), known[1:]
            else:
                queue, known = queue.add(item), sorted([*known, item])
            versions.append((queue, known))
        for version, what in versions:
            assert list(version) == what
            assert len(version) == len(what)
            assert version.first == (what[0] if what else None)

    def test_an_empty_one(self) -> None:
        queue: Queue[int] = Queue()
        assert queue.first is None
        assert queue.rest() is queue
        assert (len(queue), list(queue), repr(queue)) == (0, [], "Queue([])")

    def test_a_spine_far_deeper_than_python_recurses(self) -> None:
        """Items in falling order make a heap of left nodes only."""
        count = 20 * sys.getrecursionlimit()
        queue: Queue[int] = Queue()
        for number in range(count, 0, -1):
            queue = queue.add(number)
        assert len(queue) == count
        again = pickle.loads(pickle.dumps(queue))
        assert again.first == 1
        assert list(again) == list(range(1, count + 1)) == list(queue)

    def test_a_long_queue_in_rising_order(self) -> None:
        queue = Queue(range(50_000))
        assert list(queue.rest().rest())[:2] == [2, 3]

    @given(st.lists(st.integers(), max_size=30))
    def test_pickled_and_shown(self, items: list[int]) -> None:
        queue = Queue(items)
        again = pickle.loads(pickle.dumps(queue))
        assert type(again) is Queue
        assert list(again) == sorted(items)
        assert repr(queue) == f"Queue({sorted(items)})"

    @given(st.lists(st.integers(), min_size=1, max_size=200))
    def test_the_right_side_is_short(self, items: list[int]) -> None:
        """Why it is fast: a node's way to the nearest gap leads along its right side."""
        node, length = Queue(items)._root, 0
        while node is not None:
            node, length = node[3], length + 1
        assert 2**length - 1 <= len(items)
