"""Writes a figure as PDF, SVG, PNG or PGF."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text

from ..errors import ScenarioError, did_you_mean
from ..files import write_atomically
from ..plots.style import picture
from ..results.run_folder import require_ours

KINDS = ("pdf", "svg", "png", "pgf")
_PRINT_DPI = 600
_TEX = ("pdflatex", "xelatex", "lualatex")
_SPECIAL = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "±": r"$\pm$", "µ": r"$\mu$"}


def save_figure(figure: Figure, path: str | Path, force: bool = False) -> Path:
    """Writes a figure; the suffix says how.

    Args:
        figure: of :func:`.figure.draw`.
        path: with the suffix ``.pdf``, ``.svg``, ``.png`` (600 dots per inch) or ``.pgf``.
        force: overwrite what is there even if fairwave has not written it.

    Raises:
        ScenarioError: another suffix, a file of another program, or PGF without LaTeX.
    """
    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise ScenarioError(f"{target}: the suffix tells the format{did_you_mean(kind, KINDS)}")
    if target.is_dir():
        raise ScenarioError(f"{target} is a folder; name a file, such as {target / 'figure.pdf'}")
    require_ours(target, force)
    write_atomically(target, _pgf(figure) if kind == "pgf" else picture(figure, kind, _PRINT_DPI))
    return target


def _pgf(figure: Figure) -> bytes:
    """Writes macros for LaTeX's package pgf; LaTeX itself measures the texts. Bars have no hatches, which hang it."""
    system = next((name for name in _TEX if shutil.which(name)), None)
    if system is None:
        raise ScenarioError(f"PGF needs LaTeX, which measures the texts: none of {', '.join(_TEX)} is on the path; "
                            "take pdf, which LaTeX includes as well")  # fmt: skip
    texts: list[Text] = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    bars: list[Patch] = [bar for bar in figure.findobj(Patch) if isinstance(bar, Patch) and bar.get_hatch()]
    before, hatches = [text.get_text() for text in texts], [bar.get_hatch() for bar in bars]
    buffer = io.BytesIO()
    try:
        for text in texts:
            text.set_text("".join(_SPECIAL.get(letter, letter) for letter in text.get_text()))
        for bar in bars:
            bar.set_hatch("")
        with mpl.rc_context({"pgf.texsystem": system, "pgf.rcfonts": False}):
            figure.savefig(buffer, format="pgf")
    finally:
        for text, words in zip(texts, before, strict=True):
            text.set_text(words)
        for bar, hatch in zip(bars, hatches, strict=True):
            bar.set_hatch(hatch or "")
    return b"% fairwave\n\\providecommand{\\mathdefault}[1]{#1}\n" + buffer.getvalue()
