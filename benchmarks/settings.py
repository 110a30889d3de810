"""The best settings of peers that have a choice, by workload, as `python -m benchmarks.tune` finds them.

JAX: how many steps of the scan are compiled as one, and how tokens choose rows (`step_jax.make_step`). `torch.compile`:
the whole model with a break around PyTorch's layer, or segments of so many steps (`step_torch_compile.make_step`).
"""

from typing import Any

BEST: dict[str, dict[str, dict[str, Any]]] = {
    "jax": {
        "W1": {"unroll": 16},
        "W2": {"reading": "folded"},
        "W6": {"unroll": 4},
        "W7": {"unroll": 4},
        "W8": {"unroll": 4},
    },
    "torch-compile": {"W3": {"segment": 10}, "W7": {"segment": 10}},
}

CANDIDATES: dict[str, list[dict[str, Any]]] = {
    "jax": [
        {"unroll": unroll, "reading": reading}
        for unroll in (1, 2, 4, 8, 16)
        for reading in ("gather", "onehot", "folded", "folded onehot")
    ],
    "torch-compile": [{"segment": segment} for segment in (0, 5, 10, 20)],
}
