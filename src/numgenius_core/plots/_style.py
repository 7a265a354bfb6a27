"""How our pictures look: one style for print, one for dark backgrounds.

Nothing depends on colour alone: what a colour says, a marker, a hatch, a line style or a word says
too. The colours are those of Okabe and Ito, told apart with every common kind of colour blindness,
lightened on dark. Only the axes drawn on are changed: no global setting, no current figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from warnings import catch_warnings, simplefilter

from attrs import frozen

from numgenius_core._checks import as_tuple
from numgenius_core._numbers import WIDE, as_int, decimal_of, decimal_text
from numgenius_core.errors import MissingExtra, RuleViolation, WrongType, shown
from numgenius_core.money import Money
from numgenius_core.rates import Rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Place = Literal["above", "beside"]
"""Where a legend is: outside of what is drawn, which may be anywhere in the picture."""
Number = int | float | Fraction | Decimal | Money | Rate
"""What can be drawn; it becomes a ``float``, as a picture needs no more."""

_WIDE: Final = 1_000  # of the highest price by the lowest: more ticks than ten-folds lack room
_POINTS_PER_INCH: Final = 72
TICK_SIZE: Final = 10  # points, of matplotlib's own style
_SMALL: Final = 8  # points, of the texts of a legend
_KEY: Final = 36  # points, of what a legend has beside each text
_LINE: Final = 1.2  # of the size of a text, its height with the air above
_Corner = Literal["upper left", "lower left"]
_PLACES: Final[dict[Place, tuple[_Corner, tuple[float, float]]]] = {
    "above": ("lower left", (0, 1)),
    "beside": ("upper left", (1.01, 1)),
}
AS_IT_IS: Final[dict[str, Any]] = {"parse_math": False}
"""Of each text of ours: many are names that strangers gave, and ``$`` begins no formula in them."""
# What no XML, and so no SVG, can have: controls, halves of surrogate pairs, and no characters.
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@frozen(kw_only=True)
class Look:
    """The colours of a style.

    Attributes:
        paper: The background.
        ink: Text, ticks and frames.
        faint: Grid lines, and what is not there.
        colours: For what is drawn, in order of use; readable on the paper.
        map: Name of matplotlib's colour map for values in cells.
    """

    paper: str
    ink: str
    faint: str
    colours: tuple[str, ...]
    map: str = "cividis"


_LOOKS: Final = {
    "light": Look(
        paper="#ffffff",
        ink="#1f2328",
        faint="#c4c9d0",
        colours=("#0072b2", "#d55e00", "#00805d", "#a8487f"),
    ),
    "dark": Look(
        paper="#15181e",
        ink="#e6e8eb",
        faint="#49505b",
        colours=("#56b4e9", "#f0a04b", "#3ecfa0", "#e59ac4"),
    ),
}


def look_of(style: str) -> Look:
    """Return the colours of a style.

    Raises:
        RuleViolation: It is neither ``light`` nor ``dark``.
    """
    if style not in ("light", "dark"):
        raise RuleViolation("style", "'light' or 'dark'", shown(style))
    return _LOOKS[style]


def panels(axes: object, count: int, style: str, size: tuple[float, float]) -> tuple[Axes, ...]:
    """Return the axes to draw on, dressed: those given, or new ones above each other.

    Args:
        axes: ``None``, one ``Axes``, or ``count`` of them.
        count: How many are needed.
        style: Of the picture.
        size: Of a new figure, inches.

    Raises:
        MissingExtra: matplotlib is not installed.
        WrongType: Not that many axes.
    """
    look = look_of(style)
    try:
        from matplotlib.axes import Axes as AxesType
        from matplotlib.figure import Figure as FigureType
    except ImportError:
        raise MissingExtra("drawing pictures", "plot") from None
    if axes is None:
        figure: Figure = FigureType(figsize=size, layout="constrained", facecolor=look.paper)
        made = figure.subplots(count, 1, sharex=True, squeeze=False)
        return tuple(dressed(each, look) for each in made[:, 0])
    several = (axes,) if isinstance(axes, AxesType) else axes
    given = as_tuple(cast("Iterable[Axes]", several), "axes")
    if len(given) != count or not all(isinstance(each, AxesType) for each in given):
        need = "matplotlib Axes" if count == 1 else f"{count} matplotlib Axes"
        raise WrongType("axes", need, shown(axes))
    return tuple(dressed(each, look) for each in given)


def written(text: object) -> str:
    """Return a text as it is written in a picture; what no file can have is marked."""
    return _NO_TEXT.sub("\ufffd", str(text))


def labels_of(values: Iterable[object]) -> list[str]:
    """Return settings as they are written along an axis, numbers with the fewest digits that do.

    Those tell apart what differs, and are three at least: a price read of a market has twelve.
    """
    given = list(values)
    numbers = [_decimal(each) for each in given]
    if None not in numbers:
        known = [each for each in numbers if each is not None]
        least = 2 if all(isinstance(each, Money | Rate) for each in given) else 0
        for digits in range(3, 30):
            texts = [_with_digits(each, digits, least) for each in known]
            if len(set(texts)) == len(set(known)):
                return texts
    return [written(each) for each in given]


def _decimal(value: object) -> Decimal | None:
    """Return a number as the decimal that it is, ``None`` for a text and what else is none."""
    if isinstance(value, Money | Rate):
        return value.to_decimal()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Fraction):
        return None
    if isinstance(value, Fraction):
        return WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return exact if exact.is_finite() else None


def _with_digits(value: Decimal, digits: int, least: int) -> str:
    places = max(digits - 1 - value.adjusted(), 0) if value else 0
    return decimal_text(value.quantize(decimal_of(1, places), context=WIDE), least)


def shortened(names: Sequence[str], most: int) -> list[str]:
    """Return names in the middle of which letters are left out, where they are longer than most.

    Those that differ still do: of series of one maker it is often the last word.
    """
    for longest in range(most, max([most, *map(len, names)])):
        texts = [_shortened(name, longest) for name in names]
        if len(set(texts)) == len(set(names)):
            return texts
    return list(names)


def _shortened(name: str, most: int) -> str:
    end = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - end]}…{name[-end:]}"


def write_columns(axes: Axes, names: Sequence[str]) -> None:
    """Write what stands at 0, 1, … along the lower axis: across, tilted, or each so many alone."""
    wide, _ = points_of(axes)
    tilted = max(width_of(name, TICK_SIZE) for name in names) + TICK_SIZE / 2 > wide
    step = ceil(_LINE * TICK_SIZE / wide) if tilted else 1
    turned: dict[str, Any] = {"rotation": 90} if tilted else {}
    axes.set_xticks(range(0, len(names), step), names[::step], **turned, **AS_IT_IS)


def write_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write what stands at 0, 1, … along the left axis: each, or each so many alone."""
    _, high = points_of(axes)
    step = ceil(_LINE * TICK_SIZE / high)
    axes.set_yticks(range(0, len(names), step), names[::step], **AS_IT_IS)


def name_axes(axes: Axes, *, x: str | None = None, y: str | None = None) -> None:
    """Write what an axis is; one that is left out keeps what it has."""
    if x is not None:
        axes.set_xlabel(written(x), **AS_IT_IS)
    if y is not None:
        axes.set_ylabel(written(y), **AS_IT_IS)


def by_factor(axes: Axes) -> None:
    """Let the prices along an axis differ by a factor, not by a sum, in plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < _WIDE * low else (1,)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def whole_numbers(axes: Axes) -> None:
    """Let the ticks along an axis be whole numbers: there is no half of a day's settlement."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def plain_numbers(axis: Axis) -> None:
    """Write each tick of an axis in whole, with nothing to add that stands elsewhere."""
    axis.set_major_formatter("{x:,.13g}")  # as many digits as a sum of floats can be trusted with


def dressed(axes: Axes, look: Look) -> Axes:
    """Give axes a style's colours, and return them."""
    axes.set_facecolor(look.paper)
    axes.tick_params(which="both", colors=look.ink, labelcolor=look.ink)
    for name, spine in axes.spines.items():
        spine.set_color(look.ink)
        spine.set_visible(name in ("left", "bottom"))
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(look.ink)
    axes.grid(visible=True, color=look.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def points_of(axes: Axes) -> tuple[float, float]:
    """Return how many points of the paper a unit of each axis takes, as they are laid out now."""
    wide, high = _room_of(axes)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    return wide / abs(right - left), high / abs(top - bottom)


def _room_of(axes: Axes) -> tuple[float, float]:
    """Return how wide and how high axes are, in points, as they are laid out now."""
    figure = axes.figure.figure  # of a part the whole one
    engine = figure.get_layout_engine()
    if engine is not None:
        with _only_measuring():
            engine.execute(figure)
    box, inch = axes.get_window_extent(), _POINTS_PER_INCH / figure.dpi
    return inch * box.width, inch * box.height


@lru_cache(maxsize=1024)
def width_of(text: str, size: float) -> float:
    """Return how wide a text is, in points: that of its longest line."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    measured = text_to_path.get_text_width_height_descent
    with _only_measuring():
        return max(measured(line, font, False)[0] for line in text.split("\n"))


@contextmanager
def _only_measuring() -> Iterator[None]:
    """Leave it to the drawing to say what a font lacks."""
    with catch_warnings():
        simplefilter("ignore", UserWarning)
        yield


def width_of_all(labels: Iterable[str]) -> float:
    """Return how wide the widest of the labels along an axis is, in inches."""
    return max(width_of(label, TICK_SIZE) for label in labels) / _POINTS_PER_INCH


def number_of(value: object, path: str) -> float:
    """Return what is to be drawn as a float.

    Raises:
        WrongType: It is no number.
        RuleViolation: It is not finite.
    """
    if isinstance(value, (Money, Rate)):
        return float(value.to_decimal())
    value = as_int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, Fraction, Decimal)):
        raise WrongType(path, "a number", shown(value))
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise RuleViolation(path, "a finite number", shown(value))
    return number


def numbers_of(values: object, path: str, count: int | None = None) -> list[float]:
    """Return a series as floats.

    Args:
        values: Numbers.
        path: Their name.
        count: How many there must be; by default at least one.

    Raises:
        WrongType: No series of numbers.
        RuleViolation: Another count, or a number that is not finite.
    """
    known = as_tuple(cast("Iterable[object]", values), path)
    if len(known) != count if count is not None else not known:
        need = "at least one number" if count is None else f"{count} numbers"
        raise RuleViolation(path, need, str(len(known)))
    return [number_of(each, f"{path}[{index}]") for index, each in enumerate(known)]


def ascending(values: object, path: str) -> list[float]:
    """Return a series as floats, each above the one before.

    Raises:
        WrongType: No series of numbers.
        RuleViolation: None at all, one out of order, or one that is not finite.
    """
    numbers = numbers_of(values, path)
    if any(a >= b for a, b in pairwise(numbers)):
        raise RuleViolation(path, "numbers in ascending order", str(numbers))
    return numbers


def legend_of(axes: Axes, look: Look, place: Place) -> None:
    """Say what is what, each once."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(map(written, labels), handles, strict=True))
    loc, corner = _PLACES[place]
    columns = 1
    if place == "above":
        wide, _ = _room_of(axes)
        if sum(width_of(label, _SMALL) + _KEY for label in unique) < wide:
            columns = len(unique)
    legend = axes.legend(
        list(unique.values()),
        list(unique.keys()),
        loc=loc,
        bbox_to_anchor=corner,
        ncols=columns,
        facecolor=look.paper,
        edgecolor=look.faint,
        labelcolor=look.ink,
        fontsize=_SMALL,
    )
    legend.set_zorder(5)
    for text in legend.get_texts():
        text.set(**AS_IT_IS)
