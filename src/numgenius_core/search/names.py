"""Names by a part of them and without case: ``h100`` is the H100 SXM, the PCIE and the NVL.

Our readings: what is wanted are words, each of which must stand in the name, in any order. A word
stands there where letters and digits begin and end as in the name: ``a100`` is no part of
``RTX A1000``, and ``l4`` none of ``L40``, but ``4090`` is one of ``RTX 4090D`` and ``rtx4090`` of
``RTX 4090``. Makers' names (NVIDIA, GeForce, AMD) stand in no name of the market and ask nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Final

from numgenius_core._checks import check_kind, check_text
from numgenius_core.errors import RuleViolation, shown
from numgenius_core.offer import Offer

_RUNS: Final = re.compile(r"[^\W\d_]+|\d+")
_GAP: Final = r"[\W_]*"
_MOST_MEANT: Final = 2
_MAKERS: Final = frozenset({"nvidia", "geforce", "amd"})


@lru_cache(maxsize=1_024)
def part_matcher(wanted: str, path: str = "wanted") -> Callable[[str], bool]:
    """Return what tells whether a name has all the words that are wanted.

    Args:
        wanted: Words; blanks, underscores and signs stand between them.
        path: What messages call it.

    Raises:
        WrongType: ``wanted`` is no text.
        RuleViolation: It has no letter and no digit.
    """
    check_text(wanted, path)
    words = [word for word in re.split(r"[\W_]+", wanted.casefold()) if word]
    words = [word for word in words if word not in _MAKERS] or words
    if not words:
        raise RuleViolation(path, "a part of a name", shown(wanted))
    patterns = [_pattern(word) for word in words]
    return lambda name: all(pattern.search(name.casefold()) for pattern in patterns)


def _pattern(word: str) -> re.Pattern[str]:
    """Return what finds a word: its runs of letters and of digits, whole at both ends."""
    runs = _RUNS.findall(word)
    before = r"(?<!\d)" if runs[0].isdigit() else r"(?<![^\W\d_])"
    after = r"(?!\d)" if runs[-1].isdigit() else r"(?![^\W\d_])"
    return re.compile(before + _GAP.join(map(re.escape, runs)) + after)


def gpu_matcher(wanted: str) -> Callable[[Offer], bool]:
    """Return what tells whether an offer's GPUs are of a model, named by a part and without case.

    Args:
        wanted: Such as ``h100``, ``rtx_4090`` or ``4090``.

    Raises:
        WrongType: ``wanted`` is no text.
        RuleViolation: It has no letter and no digit.

    >>> from numgenius_core import read_sample
    >>> from numgenius_core.search import gpu_matcher
    >>> fits = gpu_matcher("h100")
    >>> sorted({offer.gpu_name for offer in read_sample().offers if fits(offer)})
    ['H100 SXM']
    """
    check_kind(wanted, str, "gpu")
    matches = part_matcher(wanted, "gpu")
    return lambda offer: matches(offer.gpu_name)


def meant_of(wanted: str, names: Iterable[str]) -> str | None:
    """Return the one name that is what is wanted but for case, blanks and signs between words."""
    same = [name for name in names if _plain(name) == _plain(wanted)]
    return same[0] if len(same) == 1 else None


def _plain(name: str) -> str:
    return " ".join(word for word in re.split(r"[\W_]+", name.casefold()) if word)


def did_you_mean(wanted: str, names: Collection[str]) -> str:
    """Return a question for the end of an error: names that have what is wanted, or are alike.

    It is empty where none is near; slow, on the way to an error.
    """
    try:
        near = sorted(filter(part_matcher(wanted), names), key=len)[:_MOST_MEANT]
    except RuleViolation:  # no letter and no digit
        near = []
    if not near:
        from difflib import get_close_matches  # what only a slip needs

        plain = {_plain(name): name for name in names}
        near = [plain[each] for each in get_close_matches(_plain(wanted), plain, _MOST_MEANT)]
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
