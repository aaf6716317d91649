"""A page of sections, written as Markdown or as LaTeX."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\N{RIGHTWARDS ARROW}": r"\ensuremath{\rightarrow}",
}
PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
"""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Cells:
    """A table; the first column is of names."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A section: sentences, lists and tables in turn."""

    title: str
    blocks: Sequence[str | Bullets | Cells]


@dataclass(frozen=True)
class Sheet:
    """A page: what must not be overlooked stands below the title."""

    title: str
    warnings: Sequence[str]
    sections: Sequence[Section]

    def markdown(self) -> str:
        """The page as Markdown."""
        parts = [f"# {_marked(self.title)}", *(f"> **{_marked(each)}**" for each in self.warnings)]
        for section in self.sections:
            parts += [f"## {_marked(section.title)}", *map(_block_marked, section.blocks)]
        return "\n\n".join(parts) + "\n"

    def latex(self) -> str:
        """The page as a LaTeX document."""
        return "\n".join(self._latex()) + "\n"

    def _latex(self) -> Iterator[str]:
        yield PREAMBLE
        yield rf"\title{{{_typeset(self.title)}}}" + "\n" + r"\date{}"
        yield r"\begin{document}" + "\n" + r"\maketitle"
        for each in self.warnings:
            yield rf"\fbox{{\parbox{{0.95\linewidth}}{{\textbf{{{_typeset(each)}}}}}}}" + "\n"
        for section in self.sections:
            yield rf"\section{{{_typeset(section.title)}}}"
            yield from map(_block_typeset, section.blocks)
        yield r"\end{document}"


def _marked(text: str) -> str:
    """A text in which Markdown finds nothing but text."""
    for char in "\\`*<|[]":
        text = text.replace(char, f"\\{char}")
    return text


def _block_marked(block: str | Bullets | Cells) -> str:
    match block:
        case str():
            return _marked(block)
        case Bullets(items):
            return "\n".join(f"* {_marked(item)}" for item in items)
        case Cells(head, rows):
            lines = [[_marked(cell) for cell in row] for row in (head, *rows)]
            lines.insert(1, ["---"] * len(head))
            return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _typeset(text: str) -> str:
    """A text in which LaTeX finds nothing but text."""
    return "".join(LATEX.get(char, char) for char in text)


def _block_typeset(block: str | Bullets | Cells) -> str:
    match block:
        case str():
            return _typeset(block) + "\n"
        case Bullets(items):
            # The braces keep an item that begins with a bracket from being taken for a label.
            inside = "\n".join(rf"  \item {{}}{_typeset(item)}" for item in items)
            return f"\\begin{{itemize}}\n{inside}\n\\end{{itemize}}\n"
        case Cells(head, rows):
            lines = [" & ".join(_typeset(cell) for cell in row) + r" \\" for row in (head, *rows)]
            body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
            table = f"\\begin{{tabular}}{{{'l' * len(head)}}}\n{body}\n\\end{{tabular}}"
            return table if len(head) < WIDE else f"\\resizebox{{\\linewidth}}{{!}}{{%\n{table}}}\n"


WIDE = 5
"""So many columns are made as wide as the page."""
