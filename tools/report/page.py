"""Pieces of a web page that needs nothing but itself. All text is escaped here and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --ink: #1d2329; --soft: #66707a; --line: #dde2e7;
  --accent: #0b6fb8; --warn-ground: #fff3d6; --warn-ink: #6b4700; --bad-ground: #fde3e1; --bad-ink: #8c1d13; }
@media (prefers-color-scheme: dark) { :root { --ground: #111418; --card: #1b1f24; --ink: #e3e8ed; --soft: #97a2ad;
  --line: #323a43; --accent: #64b5f0; --warn-ground: #3d3013; --warn-ink: #ffd98a; --bad-ground: #451c19;
  --bad-ink: #ffb4ab; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 1.5rem; margin: 0 0 2px; } h2 { font-size: 1.1rem; margin: 28px 0 10px; }
h3 { font-size: 1rem; margin: 20px 0 8px; }
.soft { color: var(--soft); margin: 0 0 12px; overflow-wrap: anywhere; }
.banner { padding: 10px 14px; border-radius: 8px; margin: 12px 0; overflow-wrap: anywhere;
  background: var(--warn-ground); color: var(--warn-ink); }
.banner.bad { background: var(--bad-ground); color: var(--bad-ink); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 10px; margin: 16px 0; }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; min-width: 0; }
.fact b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.fact span { color: var(--soft); font-size: .85rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; }
.scroll { overflow-x: auto; max-height: 70vh; padding: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; max-width: 40vw; overflow: hidden; text-overflow: ellipsis; }
td.text, th.text { text-align: left; }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: 10ch; }
thead th { position: sticky; top: 0; background: var(--card); color: var(--soft); font-weight: 600;
  white-space: normal; vertical-align: bottom; }
tr:last-child td { border-bottom: 0; }
img { max-width: 100%; height: auto; display: block; border-radius: 6px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 460px), 1fr)); gap: 14px; }
.pictures.small { grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .9rem; padding: 4px 2px; overflow-wrap: anywhere; }
details { margin: 10px 0; } summary { cursor: pointer; color: var(--accent); }
pre { overflow: auto; max-height: 60vh; font-size: .8rem; margin: 8px 0 0; }
"""


def page(title: str, body: Iterable[str]) -> str:
    """Return a whole document; ``body`` is HTML made by the functions below."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """Return a heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    """Return a paragraph in a quiet colour."""
    return f'<p class="soft">{escape(text)}</p>'


def banner(text: str, bad: bool = False) -> str:
    """Return a notice that is not to be overlooked."""
    return f'<p class="banner{" bad" if bad else ""}" role="note">{escape(text)}</p>'


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return a row of small cards, each a value above its name."""
    cards = (f'<div class="fact"><b>{escape(str(value))}</b><span>{escape(name)}</span></div>' for name, value in pairs)
    return f'<div class="facts">{"".join(cards)}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], text_columns: Sequence[int] = (0,)) -> str:
    """Return a table that scrolls by itself; columns in ``text_columns`` hold words, the others numbers."""

    def line(cells: Sequence[Any], tag: str) -> str:
        kinds = (' class="text"' if number in text_columns and number else "" for number in range(len(cells)))
        return "".join(f"<{tag}{kind}>{escape(str(cell))}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="card scroll"><table><thead><tr>{line(header, "th")}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def picture(png: bytes, text: str, dark: bytes | None = None, caption: str = "") -> str:
    """Return a PNG inside the page, another one for dark mode if given; ``text`` says what it shows."""
    source = "" if dark is None else f'<source media="(prefers-color-scheme: dark)" srcset="{_data(dark)}">'
    image = f'<picture>{source}<img alt="{escape(text)}" src="{_data(png)}"></picture>'
    return f"<figure>{image}{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}</figure>"


def gallery(pictures: Iterable[str], small: bool = False) -> str:
    """Return pictures side by side, or below each other on a phone."""
    return f'<div class="pictures{" small" if small else ""}">{"".join(pictures)}</div>'


def fold(title: str, text: str) -> str:
    """Return text that opens on a click."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def _data(png: bytes) -> str:
    """Return a PNG as a data address."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
