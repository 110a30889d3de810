"""A trial on a text: a language model trained for so many updates, then scored on what was held out."""

import time
from dataclasses import dataclass

from throughtime.compare.variant import Variant
from throughtime.data.parts import split
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.vocabularies import Unit
from throughtime.errors import DivergedError
from throughtime.study.trial import Corpora, Result, Trial
from throughtime.training.events import Event, Probed, Step, Stopped
from throughtime.training.fit import fit


@dataclass(frozen=True, kw_only=True)
class CorpusTrial(Trial):
    """A trial on a text.

    Parameters
    ----------
    corpus : str
        What the text is called.
    sha256 : str
        Of the text: a trial of another text is another trial.
    unit, vocab_size : as `Tokenizer.train` has them
    embedding_size : int, optional
        None for one-hot inputs.
    seq_len : int, optional
        Steps per update, 50 if neither it nor `chunk:K` says otherwise.
    val_fraction : float
        The share that is held out and scored; 0 for none.
    others : as `Trial` has them

    Raises
    ------
    ArgumentError
        A setting is bad, or two contradict each other.
    """

    corpus: str
    sha256: str
    unit: Unit = "char"
    vocab_size: int | None = None
    hidden_size: int = 128
    embedding_size: int | None = None
    optimizer: str = "adam"
    lr: float = 2e-3
    seq_len: int | None = None
    batch_size: int = 32
    max_steps: int = 2000
    val_fraction: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        Tokenizer.train("a", self.unit, self.vocab_size)
        split(range(1 << 40), self.val_fraction)  # of the longest text
        self.variant.settings(vocab_size=4)

    @property
    def subject(self) -> str:
        return self.corpus

    @property
    def variant(self) -> Variant:
        """The model and the way it is trained, as a comparison would have them."""
        model = {
            "hidden_size": self.hidden_size,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "embedding_size": self.embedding_size,
            "nonlinearity": self.nonlinearity,
            "dropout": self.dropout,
            "init": self.init,
            "seed": self.seed,
        }
        training = {
            "optimizer": self.make_optimizer(),
            "truncation": self.make_truncation(),
            "clip": self.make_clip(),
            "schedule": self.make_schedule(),
            "batch_size": self.batch_size,
            "seq_len": self.seq_len,
            "max_steps": self.max_steps,
            "val_fraction": self.val_fraction,
            "flow_every": self.max_steps,  # at the beginning and at the end
            "omega": self.omega,
            "seed": self.seed,
        }
        return Variant(name="trial", model=model, training=training)

    def run(self, corpora: Corpora) -> Result:
        start = time.perf_counter()
        corpus, variant = corpora[self.sha256], self.variant
        tokenizer = Tokenizer.train(corpus, self.unit, self.vocab_size)
        model = variant.make_model(tokenizer.vocab_size)
        probes: dict[int, Probed] = {}
        steps = 0

        def hear(event: Event) -> None:
            nonlocal steps
            match event:
                case Probed():
                    probes[event.step] = event
                case Step() | Stopped():
                    steps = event.step

        try:
            finished = fit(model, corpus, tokenizer=tokenizer, callbacks=hear, **variant.arguments).finished
        except DivergedError:
            finished = None
        before, after = probes.get(0), probes.get(self.max_steps)
        return Result(
            ended="diverged" if finished is None else "finished",
            steps=steps,
            seconds=time.perf_counter() - start,
            horizon_before=None if before is None else before.horizon,
            horizon_before_censored=before is not None and before.censored,
            horizon_after=None if after is None else after.horizon,
            horizon_after_censored=after is not None and after.censored,
            val_loss=None if finished is None else finished.val_loss,
            val_bits_per_char=None if finished is None else finished.val_bits_per_char,
        )
