"""Draw the life of an instance, as the table has it, into the docs.

Run from the project's root; the same picture comes out every time. Only where the boxes stand and
how far an arrow bends is set here: which boxes and arrows there are is read from the table. The
colours are readable on a light page and on a dark one.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import hypot
from pathlib import Path
from typing import Final

from numgenius_core.contracts import NEXT, InstanceEvent, InstanceState

TARGET: Final = Path("docs/images/life-of-an-instance.svg")

# With loading inside the triangle of the other three and scheduling outside, no arrows cross.
PLACES: Final = {
    InstanceState.LOADING: (334, 192),
    InstanceState.RUNNING: (370, 62),
    InstanceState.PAUSED: (566, 256),
    InstanceState.STOPPED: (132, 256),
    InstanceState.SCHEDULING: (370, 358),
    InstanceState.EXPIRED: (250, 480),
    InstanceState.DESTROYED: (490, 480),
}
COLOURS: Final = {
    InstanceState.RUNNING: "#1a7f4b",
    InstanceState.PAUSED: "#a86400",
    InstanceState.STOPPED: "#5c6675",
    InstanceState.EXPIRED: "#8c3b3b",
    InstanceState.DESTROYED: "#8c3b3b",
}
BENDS: Final = {  # to the left of the way; the event stands on the same side
    (InstanceState.RUNNING, InstanceState.PAUSED): 44,
    (InstanceState.PAUSED, InstanceState.RUNNING): 4,
    (InstanceState.STOPPED, InstanceState.SCHEDULING): 20,
    (InstanceState.SCHEDULING, InstanceState.STOPPED): 24,
    (InstanceState.SCHEDULING, InstanceState.RUNNING): -620,  # around paused
    (InstanceState.RUNNING, InstanceState.STOPPED): -34,
    (InstanceState.LOADING, InstanceState.RUNNING): -0.1,
    (InstanceState.LOADING, InstanceState.PAUSED): -0.1,
}
FRAME: Final = (30, 24, 760, 376)  # x, y, width, height
WIDTH, HEIGHT = 820, 520
HALF: Final = (58, 19)  # of a box
LINE: Final = "#7d8696"
TEXT: Final = "#778090"
BLUE: Final = "#2f6fb5"

Point = tuple[float, float]


def main() -> None:
    """Write the picture."""
    TARGET.write_text(drawing(), encoding="utf-8")
    print(f"{len(PLACES)} states in {TARGET}")


def drawing() -> str:
    """Return the picture as SVG."""
    shared = ends_of_all()
    x, y, width, height = FRAME
    inside = [
        (state, event, after)
        for state, moves in NEXT.items()
        for event, after in moves.items()
        if not (alive(state) and shared.get(event) is after)
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
        ' font-family="system-ui, sans-serif" font-size="14">',
        f"<title>The life of an instance</title><desc>{escape(in_words())}</desc>",
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="18" fill="none"',
        f' stroke="{LINE}" stroke-dasharray="2 6" stroke-linecap="round"/>',
        *start_mark(),
        *(line for move in inside for line in arrow(*move)),
        *(line for event, after in shared.items() for line in end_arrow(event, after)),
        *(line for state in NEXT for line in box(state)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def alive(state: InstanceState) -> bool:
    """Return whether an instance can still do something but end."""
    return any(NEXT[after] for after in NEXT[state].values())


def ends_of_all() -> dict[InstanceEvent, InstanceState]:
    """Return the moves that every living state has: the frame around them shows these once."""
    tables = [set(NEXT[state].items()) for state in NEXT if alive(state)]
    common = set.intersection(*tables)
    return {
        event: after
        for event, after in NEXT[InstanceState.LOADING].items()
        if (event, after) in common
    }


def in_words() -> str:
    """Return every move as text, for those who cannot see the picture."""
    return "; ".join(
        f"{state.value}, {event.value}: {after.value}"
        for state, moves in NEXT.items()
        for event, after in moves.items()
    )


def box(state: InstanceState) -> Iterator[str]:
    """Draw a state."""
    (x, y), (across, down) = PLACES[state], HALF
    colour = COLOURS.get(state, BLUE)
    yield (
        f'<rect x="{x - across}" y="{y - down}" width="{2 * across}" height="{2 * down}" rx="10" '
        f'fill="{colour}"/>'
    )
    yield (
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" fill="#fff" '
        f'font-weight="600">{state.value}</text>'
    )


def start_mark() -> Iterator[str]:
    """Draw where a life begins: the table's first state."""
    x, y = PLACES[next(iter(NEXT))]
    left = x - HALF[0]
    yield f'<circle cx="{left - 32}" cy="{y}" r="5" fill="{LINE}"/>'
    yield from path((left - 27, y), (left - 14, y), (left - 2, y))


def arrow(state: InstanceState, event: InstanceEvent, after: InstanceState) -> Iterator[str]:
    """Draw a move as a curve from box to box, with the event beside it."""
    (ax, ay), (bx, by) = PLACES[state], PLACES[after]
    length = hypot(bx - ax, by - ay)
    across, down = (by - ay) / length, (ax - bx) / length  # to the left of the way
    bend = BENDS.get((state, after), 0)
    middle = (ax + bx) / 2 + bend * across, (ay + by) / 2 + bend * down
    start, end = edge((ax, ay), middle), edge((bx, by), middle, gap=2)
    yield from path(start, middle, end)
    side = (12 if abs(across) < abs(down) else 9) * (1 if bend >= 0 else -1)
    x = (start[0] + 2 * middle[0] + end[0]) / 4 + side * across
    y = (start[1] + 2 * middle[1] + end[1]) / 4 + side * down
    right = across * side
    yield label(x, y, event, "start" if right > 3 else "end" if right < -3 else "middle")


def end_arrow(event: InstanceEvent, after: InstanceState) -> Iterator[str]:
    """Draw a move that every living state has, from the frame."""
    x, y = PLACES[after]
    bottom, top = FRAME[1] + FRAME[3], y - HALF[1] - 3
    yield from path((x, bottom), (x, (bottom + top) / 2), (x, top))
    yield label(x + 9, (bottom + top) / 2 + 1, event, "start")


def path(start: Point, middle: Point, end: Point) -> Iterator[str]:
    """Draw a curve with a tip."""
    right, below = end[0] - middle[0], end[1] - middle[1]
    length = hypot(right, below)
    right, below = right / length, below / length
    back = end[0] - 10 * right, end[1] - 10 * below
    corners = [
        end,
        (back[0] - 4.5 * below, back[1] + 4.5 * right),
        (back[0] + 4.5 * below, back[1] - 4.5 * right),
    ]
    tip = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    (ax, ay), (mx, my), (bx, by) = start, middle, back
    curve = f"M{ax:.1f} {ay:.1f}Q{mx:.1f} {my:.1f} {bx:.1f} {by:.1f}"
    yield f'<path d="{curve}" fill="none" stroke="{LINE}" stroke-width="1.6"/>'
    yield f'<polygon points="{tip}" fill="{LINE}"/>'


def label(x: float, y: float, event: InstanceEvent, anchor: str) -> str:
    """Return the name of an event."""
    place = f'x="{x:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{TEXT}">{event.value}</text>'


def edge(centre: Point, towards: Point, gap: float = 0) -> Point:
    """Return where the line from a box's centre leaves the box."""
    right, below = towards[0] - centre[0], towards[1] - centre[1]
    scale = min(
        (half + gap) / abs(step) for half, step in zip(HALF, (right, below), strict=True) if step
    )
    return centre[0] + right * scale, centre[1] + below * scale


if __name__ == "__main__":
    main()
