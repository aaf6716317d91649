"""A factsheet's page: texts stay texts in Markdown and in LaTeX."""

from esr.delivery.sheet import Bullets, Cells, Section, Sheet

SHEET = Sheet(
    "A_1 & B",
    ["LOUD: 100 % stand-ins"],
    [Section("Results", ["[28] * 10, esa_rep", Bullets(["[G] 5 < 6 → 8"]), Cells(["set", "dB"], [["a|b", "26.90"]])])],
)


def test_markdown_shows_every_character() -> None:
    assert SHEET.markdown() == (
        "# A_1 & B\n\n> **LOUD: 100 % stand-ins**\n\n## Results\n\n\\[28\\] \\* 10, esa_rep\n\n* \\[G\\] 5 \\< 6 → 8\n"
        "\n| set | dB |\n| --- | --- |\n| a\\|b | 26.90 |\n"
    )


def test_latex_takes_nothing_for_a_command() -> None:
    latex = SHEET.latex()
    assert r"\title{A\_1 \& B}" in latex
    assert r"\textbf{LOUD: 100 \% stand-ins}" in latex
    assert r"[28] * 10, esa\_rep" in latex
    assert r"\item {}[G] 5 \textless{} 6 \ensuremath{\rightarrow} 8" in latex
    assert "a|b & 26.90 \\\\" in latex
    assert latex.count("{") == latex.count("}")
    assert latex.index(r"\begin{document}") < latex.index(r"\section{Results}") < latex.index(r"\end{document}")
