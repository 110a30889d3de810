"""What the pages are built of: one file with its style inside, that fetches nothing and runs nothing."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from throughtime.flow.drawing import STYLE
from throughtime.flow.drawing.frame import element
from throughtime.flow.findings import Finding

_PAGE_STYLE = files(__name__.rpartition(".")[0]).joinpath("page.css").read_text(encoding="utf-8")
_OPTION = re.compile(r"(\S*--[A-Za-z]\S*)")
# Not even a page with a hole in its escaping could load or run anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, *parts: str) -> str:
    """Return a whole HTML file around markup.

    Parameters
    ----------
    title : str
        For the window and the heading.
    *parts : str
        Markup, as the functions below return it.
    """
    name, content = escape(title), "\n".join(part for part in parts if part)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{name}</title>
<style>
{STYLE}{_PAGE_STYLE}</style>
</head>
<body class="tt">
<main>
<h1>{name}</h1>
{content}
</main>
</body>
</html>
"""


def section(heading: str, *parts: str) -> str:
    """Markup under a heading; nothing if there is none."""
    content = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(heading)}</h2>\n{content}\n</section>" if content else ""


def paragraph(said: str, kind: str = "") -> str:
    """A paragraph of text."""
    return element("p", escape(said), **({"class_": kind} if kind else {}))


def facts(entries: Mapping[str, str]) -> str:
    """Names and values in short, side by side."""
    if not entries:
        return ""
    rows = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in entries.items()
    )
    return f'<dl class="facts">{"".join(rows)}</dl>'


def figures(entries: Sequence[tuple[str, str, str]]) -> str:
    """The few numbers that matter most, large: (name, value, what it means)."""
    if not entries:
        return ""
    tiles = (
        f"<div><dt>{escape(name)}</dt><dd><b>{escape(value)}</b><span>{escape(meaning)}</span></dd></div>"
        for name, value, meaning in entries
    )
    return f'<dl class="figures">{"".join(tiles)}</dl>'


def chart(heading: str, svg: str, lead: str = "", *said: str, more: str = "") -> str:
    """A chart under a sentence that says what it shows, with how to read it below; `more` is further markup."""
    above = paragraph(lead, "lead") if lead else ""
    text = "".join(paragraph(each) for each in said)
    below = f"<figcaption>{text}{more}</figcaption>" if text or more else ""
    return f'<figure class="card"><h3>{escape(heading)}</h3>\n{above}\n{svg}\n{below}</figure>'


def grid(*cards: str) -> str:
    """Charts side by side as far as there is room."""
    found = "\n".join(card for card in cards if card)
    return f'<div class="grid">{found}</div>' if found else ""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; its first column names the rows."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in headings)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(each)}</td>" for each in row[1:])}</tr>'
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def details(summary: str, content: str) -> str:
    """Markup that is folded away."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def code(command: str) -> str:
    """A command, all of which one click selects."""
    return f'<pre class="command"><code>{_unbroken(command)}</code></pre>'


def _unbroken(said: str) -> str:
    """Text whose options are not cut at their hyphens."""
    return "".join(
        element("span", escape(part), class_="option") if k % 2 else escape(part)
        for k, part in enumerate(_OPTION.split(said))
    )


def finding(found: Finding) -> str:
    """A finding: what was seen, what it means, what to try."""
    name = escape(found.name.replace("-", " ").replace("_", " ").capitalize())
    said = "".join(
        f"<dt>{term}</dt><dd>{_unbroken(text)}</dd>"
        for term, text in (
            ("What was seen", found.evidence),
            ("What it means", found.meaning),
            ("What to try", found.remedy),
        )
    )
    command = "" if found.command is None else code(found.command)
    kind = escape(found.severity)
    return f'<article class="card finding {kind}"><h3>{name} <small>{kind}</small></h3><dl>{said}</dl>{command}</article>'


def notice(heading: str, said: str) -> str:
    """What a reader has to know before all else."""
    return f'<article class="card finding problem"><h3>{escape(heading)}</h3>{element("p", _unbroken(said[:1].upper() + said[1:]))}</article>'


def glossary(terms: Mapping[str, str]) -> str:
    """Words and what they mean."""
    said = "".join(f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in terms.items())
    return f'<dl class="glossary">{said}</dl>'
