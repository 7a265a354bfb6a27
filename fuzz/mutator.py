"""Change JSON into other JSON, so that hostile input gets past the parser.

Bytes changed at random are hardly ever JSON. Here one value of the tree is changed: another value
from those that have broken things before, a word of the field's own vocabulary, a neighbour's
value, one more or one fewer. One time in four the bytes themselves are changed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 8, 64, 65, 2**31, 2**53 + 1, 2**63, 2**64, 10**30,
    -(10**30), 0.0, -0.0, 0.1, 0.5, 1e-13, 1e15, 1e16, 1e308, 5e-324, 1.5, -2.5,
    float("nan"), float("inf"), "", " ", "0", "1", "-1", "1e5", "0.1", "nan", "NaN", "true", "null",
    "\x00", "\ud800", "é" * 9, "x" * 300, "9" * 400, "2026-01-05T00:00:00Z",
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-01-05T00:00:00",
    "1 month", "30 days", "P1D", [], {}, [[]], [None], [0, 0], {"": 0},
)  # fmt: skip
DEEPEST = 40


def places_of(tree: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return where values are: each container with a key or an index of it."""
    inner: Iterable[Any] = ()
    if isinstance(tree, dict):
        inner = tree
    elif isinstance(tree, list):
        inner = range(len(tree))
    for key in inner:
        found.append((tree, key))
        places_of(tree[key], found)
    return found


def change(tree: Any, rng: random.Random, words: tuple[str, ...]) -> Any:
    """Return a tree with one value changed; the tree itself may be the one."""
    places = places_of(tree, [])
    if not places or rng.random() < 0.02:
        return value_of(rng, words)
    holder, key = rng.choice(places)
    draw = rng.random()
    if draw < 0.4:
        holder[key] = value_of(rng, words)
    elif draw < 0.6:
        other, there = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[there]))
    elif draw < 0.75:
        del holder[key]
    elif isinstance(holder, dict):
        holder[rng.choice(words)] = value_of(rng, words)
    else:
        holder.insert(key, value_of(rng, words))
    if rng.random() < 0.01:
        for _ in range(rng.randrange(DEEPEST)):
            tree = [tree] if rng.random() < 0.5 else {rng.choice(words): tree}
    return tree


def value_of(rng: random.Random, words: tuple[str, ...]) -> Any:
    """Return a value of the kind that breaks things, a word, or a number near another."""
    draw = rng.random()
    if draw < 0.5:
        value = rng.choice(ODD)
        return json.loads(json.dumps(value))  # not the same list twice
    if draw < 0.75:
        return rng.choice(words)
    return rng.randrange(-3, 70) if draw < 0.9 else round(rng.uniform(-1, 100), rng.randrange(4))


def words_of(texts: Iterable[bytes]) -> set[str]:
    """Return the keys and texts of those of some texts that are JSON."""
    words: set[str] = set()
    for text in texts:
        try:
            tree = json.loads(text)
        except ValueError:
            continue
        for holder, key in places_of(tree, []):
            words |= {word for word in (key, holder[key]) if isinstance(word, str)}
    return words


def scrambled(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with some changed, left out or doubled."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        draw = rng.random()
        if draw < 0.4:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        elif draw < 0.7:
            del changed[at : at + rng.choice((1, 1, 4, 16))]
        else:
            changed[at:at] = changed[max(0, at - rng.choice((1, 8, 40))) : at] or b"{"
    return bytes(changed)


def mutator(
    seeds: Iterable[bytes], vocabulary: Iterable[str]
) -> Callable[[bytes, int, int], bytes]:
    """Return a mutator for atheris; words are those of the seeds and of a vocabulary."""
    words = tuple(sorted(words_of(seeds) | set(vocabulary)))

    def changed(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.25:
            return scrambled(data, rng)[:most]
        try:
            tree = json.loads(data)
        except (ValueError, RecursionError):
            return scrambled(data, rng)[:most]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            tree = change(tree, rng, words)
        text = json.dumps(tree).encode()
        return text if len(text) <= most else scrambled(data, rng)[:most]

    return changed
