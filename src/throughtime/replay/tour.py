"""The replay from beginning to end."""

import dataclasses
import io
import time
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from throughtime.data.corpus import Corpus, builtin
from throughtime.machine.threads import single_threaded_blas
from throughtime.replay import chapters, corrections, measures
from throughtime.replay.catalogue import Catalogue
from throughtime.replay.page import Page
from throughtime.replay.setting import Setting, prepare
from throughtime.replay.slips import quirks, slips


def replay(
    text: str | Corpus | None = None,
    lang: str = "en",
    console: Console | None = None,
    *,
    vocab_size: int = 8000,
    hidden_size: int = 100,
    seed: int = 0,
    steps: int = 640,
) -> dict[str, Any]:
    """Replay the article on a text: its equations, gradients, truncations and slips, with the numbers.

    Parameters
    ----------
    text : str or Corpus, optional
        What to read; Python's help topics if None.
    lang : "en" or "vi"
        Language of the words, not of the text.
    console : rich.console.Console, optional
        Where to write; nowhere if None.
    vocab_size : int
        At most so many words, the most frequent; the series takes 8000.
    hidden_size : int
        Hidden units; the series takes 100.
    seed : int
        Of the networks' start.
    steps : int
        Of the short training at the end.

    Returns
    -------
    numbers : dict
        All that was measured, by chapter, ready for JSON.

    Raises
    ------
    ArgumentError
        An unknown language, or a size out of range.
    TextError
        The text has no words.
    """
    begin = time.perf_counter()
    catalogue = Catalogue(lang)
    page = Page(console or Console(file=io.StringIO()), catalogue)
    corpus = text if isinstance(text, Corpus) else builtin() if text is None else Corpus("text", text)
    setting = prepare(corpus.text, vocab_size, hidden_size, seed)
    show_opening(page, corpus, setting)
    with single_threaded_blas():  # the network is small, and more threads mostly wait for each other
        found = show_chapters(page, setting, steps)
    seconds = time.perf_counter() - begin
    show_closing(page, lang, seconds, own=text is not None)
    return {
        "lang": lang,
        "corpus": {"name": corpus.name, "sha256": corpus.sha256, "sentences": len(setting.sentences)},
        "vocab_size": setting.V,
        "hidden_size": setting.H,
        "seed": seed,
        **{chapter: dataclasses.asdict(numbers) for chapter, numbers in found.items()},
        "seconds": seconds,
    }


def show_opening(page: Page, corpus: Corpus, setting: Setting) -> None:
    """The title, the text, the network and the sentence."""
    of, tokens = page.text, setting.tokenizer
    page.console.print(Text(of("opening.title"), style="bold cyan"))
    page.say("opening.about")
    facts = Table.grid(padding=(0, 2))
    rows = {
        "text": of("opening.text_value", name=corpus.name, sentences=len(setting.sentences)),
        "network": of(
            "opening.network_value",
            V=setting.V,
            H=setting.H,
            parameters=setting.H * (2 * setting.V + setting.H),
            seed=setting.seed,
        ),
        "start": of("opening.start_value"),
        "sentence": f"“{tokens.decode(setting.x)}”",
    }
    for key, value in rows.items():
        facts.add_row(Text(of(f"opening.{key}"), style="dim"), Text(value))
    page.draw([facts])


def show_chapters(page: Page, setting: Setting, steps: int) -> dict[str, Any]:
    """Measure and write each chapter in turn; the measures by chapter."""
    found: dict[str, Any] = {}

    found["forward"] = forward = measures.forward(setting)
    chapters.show_forward(page, setting, forward)
    found["gradients"] = gradients = measures.three_ways(setting)
    chapters.show_three_ways(page, gradients)
    found["truncation"] = left_out = measures.left_out(setting)
    chapters.show_left_out(page, setting, left_out)
    found["activations"] = activations = measures.activations()
    chapters.show_activations(page, activations)
    found["fading"] = fading = measures.fading(setting)
    chapters.show_fading(page, fading)
    found["two_truncations"] = two = measures.two_truncations(setting)
    chapters.show_two_truncations(page, setting, two)
    found["slips"], found["quirks"] = slips(setting), quirks(setting)
    corrections.show_slips(page, setting, found["slips"], found["quirks"])
    found["training"] = training = measures.training(setting, steps)
    chapters.show_training(page, setting, training)
    return found


def show_closing(page: Page, lang: str, seconds: float, own: bool) -> None:
    """What to try next."""
    page.heading("closing.next")
    page.gap()
    for command, key in (
        (f"throughtime train {'FILE ' if own else ''}--cell lstm --out RUN", "train"),
        ("throughtime check", "check"),
        (f"throughtime article FILE --lang {lang}", "other"),
    ):
        page.line("$", "dim", command, style="cyan")
        page.line(" ", "", page.text(f"closing.{key}"))
    page.say("closing.done", seconds=f"{seconds:.1f}")
