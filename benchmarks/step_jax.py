"""A training step of a workload in JAX: one jitted function, its recurrence a `lax.scan`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers import Timed
from benchmarks.workloads import CLIP, LEARNING_RATE, Workload

Arrays = dict[str, jax.Array]
State = tuple[jax.Array, ...]
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def _rnn(a: jax.Array, params: Arrays, state: State) -> State:
    return (jnp.tanh(a + state[0] @ params["W_hh"] + params.get("b_hh", 0)),)


def _lstm(a: jax.Array, params: Arrays, state: State) -> State:
    h, c = state
    i, f, g, o = jnp.split(a + h @ params["W_hh"] + params["b_hh"], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def _gru(a: jax.Array, params: Arrays, state: State) -> State:
    (h,) = state
    a_r, a_z, a_n = jnp.split(a, 3, axis=1)
    h_r, h_z, h_n = jnp.split(h @ params["W_hh"] + params["b_hh"], 3, axis=1)
    z = jax.nn.sigmoid(a_z + h_z)
    n = jnp.tanh(a_n + jax.nn.sigmoid(a_r + h_r) * h_n)
    return (n + z * (h - n),)


CELLS = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}


def make_params(work: Workload) -> Arrays:
    """Weights as (from, to), uniform on +-1/sqrt(H) as in PyTorch; an embedding from N(0, 1)."""
    rng = np.random.default_rng(0)
    H, outputs = work.hidden_size, work.vocab_size or work.output_size
    inputs = work.embedding_size or work.vocab_size or work.input_size
    gates = GATES[work.cell] * H
    shapes: dict[str, tuple[int, ...]] = {"W_ih": (inputs, gates), "W_hh": (H, gates), "V": (H, outputs)}
    if work.bias:
        shapes |= {"b_ih": (gates,), "b_hh": (gates,), "b": (outputs,)}
    params = {
        name: jnp.asarray(rng.uniform(-(H**-0.5), H**-0.5, shape), jnp.float32)
        for name, shape in shapes.items()
    }
    if work.embedding_size:
        params["E"] = jnp.asarray(rng.standard_normal((work.vocab_size, work.embedding_size), np.float32))
    return params


def _read(work: Workload, params: Arrays, inputs: jax.Array, reading: str) -> jax.Array:
    """All input projections at once, (T, B, gates)."""
    if not work.vocab_size:
        ax = inputs @ params["W_ih"]
    else:
        chosen = (
            (lambda table: jax.nn.one_hot(inputs, work.vocab_size, dtype=table.dtype) @ table)
            if "onehot" in reading
            else (lambda table: table[inputs])
        )
        if not work.embedding_size:
            ax = chosen(params["W_ih"])
        elif "folded" in reading:
            ax = chosen(params["E"] @ params["W_ih"])
        else:
            ax = chosen(params["E"]) @ params["W_ih"]
    return ax + params.get("b_ih", 0)


def _loss(
    params: Arrays, inputs: jax.Array, targets: jax.Array, work: Workload, unroll: int, reading: str
) -> jax.Array:
    cell = CELLS[work.cell]

    def step(state: State, a: jax.Array) -> tuple[State, jax.Array]:
        state = cell(a, params, state)
        return state, state[0]

    start = (jnp.zeros((work.batch, work.hidden_size), jnp.float32),) * (2 if work.cell == "lstm" else 1)
    state, y = lax.scan(step, start, _read(work, params, inputs, reading), unroll=unroll)
    outputs = (state[0] if work.at == "last" else y) @ params["V"] + params.get("b", 0)
    if work.loss == "squared":
        return jnp.mean((outputs - targets) ** 2)
    log_p = jax.nn.log_softmax(outputs)
    return -jnp.mean(jnp.take_along_axis(log_p, targets[..., None], -1))


def make_step(work: Workload, unroll: int = 1, reading: str = "gather") -> Timed:
    """One step, which returns its loss.

    Parameters
    ----------
    unroll : int
        How many steps of the scan are compiled as one.
    reading : "gather", "onehot", "folded" or "folded onehot"
        How tokens choose rows of a table: by index, or by a product with one-hot vectors. Folded: of the embedding
        times the input's weights, computed once a step for the whole vocabulary.
    """
    inputs, targets = map(jnp.asarray, work.data())

    @functools.partial(jax.jit, donate_argnums=0)
    def update(params: Arrays) -> tuple[Arrays, jax.Array]:
        loss, grads = jax.value_and_grad(_loss)(params, inputs, targets, work, unroll, reading)
        norm = jnp.sqrt(sum(jnp.vdot(d, d) for d in grads.values()))
        rate = LEARNING_RATE * jnp.minimum(1, CLIP / (norm + 1e-6))
        return {name: params[name] - rate * grads[name] for name in params}, loss

    params = make_params(work)

    def step() -> float:
        nonlocal params
        params, loss = update(params)
        jax.block_until_ready(params)
        return float(loss)

    tokens = f", {reading}" if work.vocab_size else ""
    return Timed(
        step, f"float32, 1 thread, scan unrolled by {unroll}{tokens}, donated buffers, flush-to-zero"
    )
