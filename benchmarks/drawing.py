"""Lines over two logarithmic axes, as SVG: what a page needs, and no library."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 130, 48, 56
_COLOURS = ("#2563a8", "#c2571a", "#2b8a4b", "#8a3f9c", "#6b6b6b")
_LABEL_GAP = 16
_AXIS = 'text-anchor="middle" fill="#444"'


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart, by its name and its points."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(title: str, across: str, up: str, lines: Sequence[Line]) -> str:
    """Return a chart.

    Args:
        title: What it shows.
        across: What the horizontal axis counts.
        up: The unit of the vertical one.
        lines: Up to five; each has its name at its end.
    """
    place, ticks = _scales(lines)
    middle_x, middle_y = (_LEFT + _WIDTH - _RIGHT) / 2, (_TOP + _HEIGHT - _BOTTOM) / 2
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="26" font-size="16" font-weight="600" fill="#1a1a1a">{escape(title)}</text>',
        *ticks,
        f'<text x="{middle_x}" y="{_HEIGHT - 12}" {_AXIS}>{escape(across)}</text>',
        f'<text transform="translate(18 {middle_y}) rotate(-90)" {_AXIS}>{escape(up)}</text>',
        *_drawn(lines, place),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


_Place = Callable[[float, float], tuple[float, float]]


def _scales(lines: Sequence[Line]) -> tuple[_Place, list[str]]:
    """Where a point lies, and the grid of powers of ten."""
    xs, ys = zip(*(point for line in lines for point in line.points), strict=True)
    low_x, high_x = math.log10(min(xs)), math.log10(max(xs))
    low_y, high_y = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    high_y = max(high_y, low_y + 1)
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / (high_x - low_x or 1)
        up = (math.log10(y) - low_y) / (high_y - low_y)
        return _LEFT + wide * across, _TOP + high * (1 - up)

    grid: list[str] = []
    for power in range(low_y, high_y + 1):
        _, y = place(min(xs), 10**power)
        grid.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e2e2e2"/>')
        grid.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{10**power:g}</text>'
        )
    for power in range(math.ceil(low_x), math.floor(high_x) + 1):
        x, _ = place(10**power, 10**low_y)
        grid.append(f'<path d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#efefef"/>')
        grid.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle" fill="#444">{10**power:,}</text>'
        )
    return place, grid


def _drawn(lines: Sequence[Line], place: _Place) -> Iterator[str]:
    ends: list[tuple[float, str, str]] = []
    for line, colour in zip(lines, _COLOURS, strict=False):
        places = [place(*point) for point in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
        ends.append((places[-1][1], line.name, colour))
    above = -math.inf  # names never lie on each other
    for end, name, colour in sorted(ends):
        above = max(end + 4, above + _LABEL_GAP)
        yield f'<text x="{_WIDTH - _RIGHT + 10}" y="{above:.1f}" fill="{colour}">{escape(name)}</text>'
