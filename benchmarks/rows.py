"""The table's rows: who is compared at what, and the marks that must be reached."""

from dataclasses import dataclass

from benchmarks.peers import OURS
from benchmarks.tasks import TASKS
from benchmarks.workloads import WORKLOADS

BEST = "best peer"
PEAK = "peak"


@dataclass(frozen=True)
class Mark:
    """`at_least` times as fast as `against`: a peer's name or `BEST`; or this share of the product's `PEAK`."""

    against: str
    at_least: float


@dataclass(frozen=True)
class Row:
    """One comparison."""

    name: str
    task: str
    others: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    ours: str = OURS

    @property
    def meaning(self) -> str:
        """The task in words."""
        task = TASKS[self.task]
        return f"{task}, its profile" if isinstance(task, str) else task.meaning

    @property
    def ceilings(self) -> tuple[str, ...]:
        """Whose square products take turns with a training step in float32, so that the peak is that of its moments."""
        return ("product-numpy", "product-torch") if self.name in WORKLOADS else ()

    @property
    def peers(self) -> tuple[str, ...]:
        """Everyone in the row, ourselves first."""
        return self.ours, *self.others


# What a step must reach: so many times as fast as the best peer, and what else was promised.
STEP_MARKS = {
    "W1": (Mark(BEST, 3), Mark("numpy-classic", 30)),
    "W2": (Mark(BEST, 1.6),),
    "W3": (Mark(BEST, 2), Mark("torch", 8)),
    "W4": (Mark(BEST, 1.4), Mark(PEAK, 0.70)),
    "W5": (Mark(BEST, 1.0), Mark(PEAK, 0.75)),
    "W6": (Mark(BEST, 1.8), Mark("torch-default", 15)),
    "W7": (Mark(BEST, 2), Mark("torch", 5)),
    "W8": (Mark(BEST, 1.0),),
}
BF16_MARKS = {"W2": 1.5, "W4": 2.0, "W5": 1.6}
TIMES_FLOAT32 = 2.0  # what the README says of bf16
TWO_THREADS, TEXT = 1.6, 3.0


def _step(name: str, marks: tuple[Mark, ...]) -> Row:
    others = ["torch", "torch-default", "torch-compile", "jax"]
    if any(mark.against == "numpy-classic" for mark in marks):
        others.append("numpy-classic")
    return Row(name, name, tuple(others), marks)


ROWS = {
    row.name: row
    for row in (
        *(_step(name, marks) for name, marks in STEP_MARKS.items()),
        *(
            Row(
                f"{name}-bf16",
                name,
                ("torch-bf16", OURS),
                (Mark("torch-bf16", times), Mark(OURS, TIMES_FLOAT32)),
                "throughtime-bf16",
            )
            for name, times in BF16_MARKS.items()
        ),
        *(
            Row(f"{name}-threads", name, (OURS, "torch-2"), (Mark(OURS, TWO_THREADS),), "throughtime-2")
            for name in ("W2", "W4", "W6")
        ),
        *(
            Row(
                f"P-{cell}",
                f"P-{cell}",
                ("profile-torch-each", "profile-torch-batched"),
                ours="profile-throughtime",
            )
            for cell in ("rnn", "lstm", "gru")
        ),
        *(
            Row(name, name, ("generate-onnxruntime",), (Mark(BEST, TEXT),), "generate-throughtime")
            for name in ("G1", "G2")
        ),
    )
}
