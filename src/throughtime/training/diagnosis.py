"""How the gradient flows in a trained network, measured on a text, and what is to be made of it."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.data.corpus import Corpus
from throughtime.data.parts import split
from throughtime.data.progress import OnProgress
from throughtime.data.sentence_batches import SentenceBatches, Sentences
from throughtime.data.tokens import Tokens
from throughtime.errors import ArgumentError, DivergedError, RunError, TextError
from throughtime.flow.findings import Evidence, Finding, TrainingFacts, find
from throughtime.flow.jacobian import chain_singular_values, find_jacobians
from throughtime.flow.lyapunov import Lyapunov, lyapunov_exponents
from throughtime.flow.profile import GradientFlow, gradient_flow
from throughtime.machine.arrays import Array
from throughtime.training.directory import OPTIONS
from throughtime.training.entries import IMPORTED
from throughtime.training.evaluate import require_ids, tokens_of
from throughtime.training.own_text import corpus_of
from throughtime.training.run import Run

ORIGINS = 32
_SEQUENCES = 16
_LEAST_LAGS = 100
# So many times as many along the longest sentence, as the others end before it.
_ALONG_SENTENCES = 4
# The last updates, by which findings go: enough for one in a hundred to be there several times.
_UPDATES = 500
# The frame is carried through Jacobians of n x n: a second or two at this size.
_LARGEST_STATE, _EXPONENTS, _JACOBIAN_STEPS, _JACOBIAN_SEQUENCES = 512, 3, 200, 4
_CHAINS = 1, 2, 5, 10, 20, 50, 100
# Exponents are limits: a sentence is too short for them.
_LEAST_STEPS = 100


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """A run's gradient flow, and what it says.

    Attributes
    ----------
    flow : GradientFlow
    training : TrainingFacts or None
        None of a run that was imported.
    text : str
        What it was measured on.
    exponents : Lyapunov or None
        The first three of the top layer; None where the state is large, or the text short or in sentences.
    chain : dict of int to float
        By lag, as far as they were looked at: the most that so many steps of the top layer leave of any gradient, the
        largest singular value of their Jacobians' product, as a natural logarithm and a mean over sequences. Empty where
        there are no exponents.
    """

    flow: GradientFlow
    training: TrainingFacts | None
    text: str
    exponents: Lyapunov | None
    chain: dict[int, float]

    @cached_property
    def evidence(self) -> Evidence:
        """What findings are drawn from."""
        return Evidence(self.flow, self.training)

    @cached_property
    def findings(self) -> list[Finding]:
        """What stands out, the most important first."""
        return find(self.evidence)


def diagnose(
    run: Run,
    text: Corpus | str | Tokens | Any = None,
    max_lag: int | None = None,
    origins: int = ORIGINS,
    on_progress: OnProgress | None = None,
) -> Diagnosis:
    """Measure how the gradient flows in a run's model.

    Parameters
    ----------
    run : Run
    text : Corpus, str, or integer array (N,), optional
        By default the text that the run held out, or where that is too short the rest of its text.
    max_lag : int, optional
        The last lag; by default twice as far as the truncation reaches, at least 100. Less in a short text.
    origins : int
        How many output steps of each of up to 16 stretches of the text are gone back from; of as many sentences four
        times as many, as far as they go.
    on_progress : callable, optional
        Called with a `throughtime.data.progress.Progress` while a text is read.

    Raises
    ------
    RunError
        The run's own text cannot be read again.
    TextError, TokenError, ArgumentError
        The text is too short, or does not go with the model; or what was given is no run.
    DivergedError
        The gradient is not finite: the model is broken.
    """
    if not isinstance(run, Run):
        named = isinstance(run, str | os.PathLike)
        remedy = f"Pass tt.load({os.fspath(run)!r})" if named else "Load one with tt.load(RUN)"
        raise ArgumentError(f"a {type(run).__name__} found; expected a run. {remedy}.")
    training = training_facts(run)
    if max_lag is None:
        longest = None if training is None else training.longest
        max_lag = max(_LEAST_LAGS, 2 * ((longest or 0) + 1))
    if text is None:
        part, name = _own_part(run, max_lag + origins, on_progress)
    else:
        if isinstance(text, Corpus | str):
            run.require_tokenizer()
        tokens = tokens_of(text, run.tokenizer, run.by, on_progress)
        part, name = tokens.part, tokens.name
    ids = part.ids if isinstance(part, Sentences) else part
    require_ids(ids, run.model.vocab_size)
    if len(ids) < 3:
        raise TextError(
            f"{name} has {len(ids)} tokens; expected at least 3, for a lag of 1. Give a longer text."
        )
    if isinstance(part, Sentences):
        batch = SentenceBatches(part, _SEQUENCES, seed=None).batch(_spread(part))
        T = len(batch.inputs)
        steps = np.unique(np.linspace(0, T - 1, _ALONG_SENTENCES * origins).round().astype(np.int64))
        flow = gradient_flow(run.model, batch.inputs, batch.targets, max_lag, steps, lengths=batch.lengths)
        return Diagnosis(_finite(flow, name), training, name, None, {})
    stretches = _stretches(part, max_lag + origins, _SEQUENCES)
    T = len(stretches) - 1
    last = min(max_lag, max(T - origins, T // 2))
    flow = gradient_flow(run.model, stretches[:-1], stretches[1:], last, min(origins, T - last))
    return Diagnosis(_finite(flow, name), training, name, *_stability(run, part))


def _finite(flow: GradientFlow, name: str) -> GradientFlow:
    """The flow itself, if there is one."""
    if not np.isfinite(flow.norms["h"][-1, 0]) or np.isnan(flow.norms["h"][:, flow.origins > 0]).any():
        raise DivergedError(
            f"the model's gradient on {name} is not finite; expected numbers. Train again with a lower learning rate, or clip."
        )
    return flow


def training_facts(run: Run) -> TrainingFacts | None:
    """How a run was trained, as findings go by it; None if it was imported."""
    settings, model = run.config["training"], run.config["model"]
    if settings is None:
        return None
    steps = [record for record in run.history if "grad_norm" in record]
    recent = steps[-_UPDATES:]
    # A norm that was not finite is null in the file.
    norms = np.array(
        [record["grad_norm"] for record in recent if record["grad_norm"] is not None], np.float64
    )
    clip = settings["clip"] or {}
    probed = [record["truncation"] for record in run.flow_history if "truncation" in record]
    options, file = _options(run)
    return TrainingFacts(
        truncation=settings["truncation"],
        seq_len=settings["seq_len"],
        reach=probed[-1]["K"] if probed else None,
        steps=steps[-1]["step"] if steps else 0,
        kept_step=run.kept_step,
        diverged=_divergence(run.history),
        lr=settings["optimizer"]["lr"],
        optimizer=settings["optimizer"]["name"],
        init=model["init"],
        clip=clip.get("name"),
        theta=clip.get("theta"),
        grad_norms=norms[np.isfinite(norms)],
        clipped_share=sum(record["clipped"] for record in recent) / len(recent) if recent else 0.0,
        options=options,
        options_file=file,
    )


def _divergence(history: list[dict[str, Any]]) -> str | None:
    """Why training ended, if it diverged."""
    last = history[-2:]
    if any(record.get("action") == "stop" for record in last) and "stopped" in last[-1]:
        return str(last[-1]["stopped"])
    return None


def _options(run: Run) -> tuple[Mapping[str, Any], str | None]:
    """The options that repeat a run of the command line, and their file; nothing for a run of Python's."""
    file = None if run.path is None else run.path / OPTIONS
    if file is None or not file.is_file():
        return {}, None
    try:
        options = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # it is not needed
        return {}, None
    if run.config["corpus"]["name"] == "stdin":
        options["files"] = ["-"]
    return options, str(file)


def _own_part(run: Run, wanted: int, on_progress: OnProgress | None) -> tuple[Array | Sentences, str]:
    """What the run held out of its text; what it learned from, where that is longer and so much is not held out."""
    record = run.config["corpus"]
    if record is None:
        raise RunError(
            f"{run.path} was imported from {run.config[IMPORTED]['file']}, without a text; expected one to measure on. Name one "
            "after the run."
        )
    try:
        corpus = corpus_of(Path(run.path or "."), record)
    except (RunError, TextError):
        raise RunError(
            f"{run.path} was trained on {record['name']}, which cannot be read again; expected a text to measure on. "
            + (
                "Name one after the run."
                if run.tokenizer
                else "Give token ids, from Python as throughtime.diagnose(run, ids)."
            )
        ) from None
    tokens = tokens_of(corpus, run.tokenizer, run.by, on_progress)
    if tokens.sha256 != record["sha256"]:
        raise RunError(
            f"{tokens.name} has changed since {run.path} was trained on it; expected the same text. Name a text to measure "
            "on after the run."
        )
    learned, held_out = _parts(tokens.part, run.config["training"]["val_fraction"])
    sizes = [len(each.ids if isinstance(each, Sentences) else each) for each in (learned, held_out)]
    if sizes[1] > wanted or sizes[1] >= sizes[0]:
        return held_out, f"the held-out part of {record['name']}"
    return learned, f"the training part of {record['name']}"


def _parts(part: Array | Sentences, val_fraction: float) -> tuple[Array | Sentences, Array | Sentences]:
    """As training parts a text."""
    if isinstance(part, Sentences):
        return split(part, val_fraction, least=1, what="sentences")
    learned, held_out = split(range(len(part)), val_fraction)
    return part[: learned.stop], part[held_out.start :] if held_out else part[:0]


def _spread(sentences: Sentences) -> Array:
    """The sentences that hold some tokens, evenly spaced in the text: long ones, which have many lags, come more often."""
    positions = np.linspace(0, len(sentences.ids) - 1, _SEQUENCES).astype(np.int64)
    return np.unique(np.minimum(sentences.holding(positions), len(sentences) - 1))


def _stretches(ids: Array, steps: int, most: int) -> Array:
    """Stretches (T + 1, B) of a text, evenly spaced, which do not overlap."""
    T = min(steps, len(ids) - 1)
    B = max(1, min(most, (len(ids) - 1) // T))
    first = np.linspace(0, len(ids) - 1 - T, B).astype(np.int64)
    found: Array = ids[first + np.arange(T + 1)[:, None]].astype(np.int32)
    return found


def _stability(run: Run, ids: Array) -> tuple[Lyapunov | None, dict[int, float]]:
    """The exponents, and the chain."""
    layers = run.model.layers
    n = len(layers.cell.states) * layers.hidden_size
    if n > _LARGEST_STATE or len(ids) <= _LEAST_STEPS:
        return None, {}
    inputs = _stretches(ids, _JACOBIAN_STEPS, _JACOBIAN_SEQUENCES)[:-1]
    lags = [lag for lag in _CHAINS if lag <= len(inputs)]
    values = chain_singular_values(find_jacobians(run.model, inputs), -1, lags)
    chain = dict(zip(lags, values[:, :, 0].mean(axis=1).tolist(), strict=True))
    return lyapunov_exponents(run.model, inputs, k=min(_EXPONENTS, n)), chain
