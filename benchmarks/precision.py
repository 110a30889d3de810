"""What bfloat16 costs in accuracy: `python -m benchmarks.precision [--steps N] [--seeds N]`.

The gradient of one step of W2, W4 and W5, how far it is from the same in float64, beside that of PyTorch's autocast; and
the loss on real text, the help topics of Python, after training in both precisions from several seeds: whether bf16
makes a difference that the seed does not.
"""

import argparse
import json
import statistics
from typing import Any

import numpy as np

import throughtime as tt
from benchmarks.workloads import WORKLOADS
from throughtime.data.corpus import builtin
from throughtime.machine.precision import has_bf16

GRADIENTS = ("W2", "W4", "W5")
MODELS: dict[str, dict[str, Any]] = {
    "LSTM, H 192": {"cell": "lstm", "hidden_size": 192},
    "GRU, H 192, embedding 64": {"cell": "gru", "hidden_size": 192, "embedding_size": 64},
}


def distance(found: dict[str, Any], exact: dict[str, Any]) -> float:
    """Of all gradients together, relative to the exact ones' norm."""
    square = sum(float(np.sum((found[name] - exact[name]) ** 2)) for name in exact)
    return float(np.sqrt(square / sum(float(np.sum(exact[name] ** 2)) for name in exact)))


def compare_gradients(name: str) -> dict[str, float]:
    """Distances from float64: ours in float32 and bf16, and PyTorch's autocast."""
    work = WORKLOADS[name]
    inputs, targets = work.data()

    def model(dtype: str) -> tt.LanguageModel:
        size = work.embedding_size
        return tt.LanguageModel(
            work.vocab_size, work.hidden_size, work.cell, embedding_size=size, dtype=dtype, seed=0
        )

    exact = tt.bptt(model("float64"), inputs, targets).grads
    found = {
        precision: distance(tt.bptt(model("float32"), inputs, targets, precision=precision).grads, exact)
        for precision in ("full", "bf16")
    }
    return found | {"torch-bf16": distance(_autocast(name, model("float32").params), exact)}


def _autocast(name: str, params: dict[str, Any]) -> dict[str, Any]:
    import torch

    from benchmarks.step_torch import Network, loss_of

    work = WORKLOADS[name]
    network = Network(work)
    network.load_state_dict({key: torch.from_numpy(array.copy()) for key, array in params.items()})
    inputs, targets = (torch.from_numpy(array) for array in work.data())
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(work, network(inputs), targets)
    loss.backward()
    return {key: param.grad.numpy() for key, param in network.named_parameters() if param.grad is not None}


def train(settings: dict[str, Any], precision: str, seed: int, steps: int) -> float:
    """The validation loss in nats per token."""
    text = builtin().text
    tokenizer = tt.Tokenizer.train(text)
    model = tt.LanguageModel(tokenizer.vocab_size, seed=seed, **settings)
    run = tt.fit(
        model,
        text,
        tokenizer=tokenizer,
        optimizer=tt.Adam(3e-3),
        clip=tt.ClipNorm(1.0),
        batch_size=32,
        seq_len=64,
        max_steps=steps,
        val_fraction=0.05,
        flow_every=0,
        precision=precision,
    )
    assert run.finished is not None
    assert run.finished.val_loss is not None
    return run.finished.val_loss


def main() -> None:
    """Print a line for each comparison, and one JSON object after them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if not has_bf16():
        raise SystemExit("this processor has no products of bfloat16")
    found: dict[str, Any] = {"gradients": {}, "losses": {}}
    for name in GRADIENTS:
        found["gradients"][name] = one = compare_gradients(name)
        print(
            f"{name}: the gradient is {one['bf16']:.2e} from float64's, autocast's {one['torch-bf16']:.2e}, "
            f"in float32 {one['full']:.1e}",
            flush=True,
        )
    for name, settings in MODELS.items():
        losses = {
            precision: [train(settings, precision, seed, options.steps) for seed in range(options.seeds)]
            for precision in ("full", "bf16")
        }
        found["losses"][name] = losses
        apart = [b - a for a, b in zip(losses["full"], losses["bf16"], strict=True)]
        print(
            f"{name}: {options.steps} steps end at {_listed(losses['full'])} nats in float32, {_listed(losses['bf16'])} in "
            f"bf16: differences {', '.join(f'{d:+.4f}' for d in apart)}, mean {statistics.mean(apart):+.4f}; seeds differ by "
            f"{max(losses['full']) - min(losses['full']):.4f}",
            flush=True,
        )
    print(json.dumps(found))


def _listed(losses: list[float]) -> str:
    return ", ".join(f"{loss:.4f}" for loss in losses)


if __name__ == "__main__":
    main()
