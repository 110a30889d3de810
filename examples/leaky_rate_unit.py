"""A cell of your own: the leaky rate unit of computational neuroscience, with no edit to the package.

    h_t = (1 - alpha) h_{t-1} + alpha tanh(a_t),   a_t = W_ih x_t + W_hh h_{t-1} + b

is a firing-rate neuron, tau dh/dt = -h + tanh(a), in steps of dt = alpha tau. The leak is fixed in one cell below and
learned, unit by unit, in the other. Two functions make a cell: everything that runs over time comes with it.

The task is delayed integration, a rat's or a monkey's: evidence comes for a while and is noisy; then there is nothing to
be seen; then a go signal asks which side had more of it. The network must add up, remember, and answer.

    python examples/leaky_rate_unit.py
"""

import numpy as np

import throughtime as tt
from throughtime.cells import tanh, tanh_slope

ALPHA = 0.2  # dt / tau: a memory of about five steps

EVIDENCE, DELAY = 12, 12  # steps; the go signal is the step after


# ------------------------------------------------------------------ the leak learned, one for each unit


def forward(a, state, alpha):
    """One step of one unit: the new state, and what the way back needs."""
    (h_prev,) = state
    n = tanh(a[0])
    h = h_prev + alpha * (n - h_prev)  # (1 - alpha) h_prev + alpha n
    return (h,), (n,)


def backward(dstate, kept, state_prev, state, alpha):
    """From dL/dh: dL/da, dL/dh_prev where no weight lies between, dL/dalpha."""
    (dh,), (n,), (h_prev,) = dstate, kept, state_prev
    da = dh * alpha * tanh_slope(n)
    dh_prev = dh - dh * alpha
    dalpha = dh * (n - h_prev)
    return (da,), (dh_prev,), dalpha


leaky = tt.Cell("leaky", forward, backward, gates=["n"], parameters={"alpha": ALPHA})


# ------------------------------------------------------------------ the leak fixed


def forward_fixed(a, state):
    """As `forward`, with the constant."""
    (h_prev,) = state
    n = tanh(a[0])
    alpha = type(n)(ALPHA)  # of n's type, or a float32 network would compute in float64
    return (h_prev + alpha * (n - h_prev),), (n,)


def backward_fixed(dstate, kept, state_prev, state):
    """As `backward`, with the constant."""
    (dh,), (n,) = dstate, kept
    alpha = type(n)(ALPHA)
    return (dh * alpha * tanh_slope(n),), (dh - dh * alpha,)


leaky_fixed = tt.Cell("leaky_fixed", forward_fixed, backward_fixed, gates=["n"])


# ------------------------------------------------------------------ the task


def trials(rng, batch):
    """Inputs (T, batch, 2), evidence and go signal; targets (batch, 1), 1 where there was more on the right."""
    T = EVIDENCE + DELAY + 1
    x = np.zeros((T, batch, 2), np.float32)
    side = rng.choice([-1.0, 1.0], batch)
    x[:EVIDENCE, :, 0] = 0.5 * side + rng.standard_normal((EVIDENCE, batch))
    x[-1, :, 1] = 1
    right = x[:EVIDENCE, :, 0].sum(axis=0) > 0
    return x, right[:, None].astype(np.float32)


def train(cell, steps=300, seed=0):
    """The model, and its loss at each step."""
    rng = np.random.default_rng(seed)
    model = tt.SequenceModel(2, 32, 1, cell=cell, loss="logistic", at="last", seed=rng)
    optimizer, clip = tt.Adam(1e-2), tt.ClipNorm(1.0)
    losses = []
    for _ in range(steps):
        x, right = trials(rng, 64)
        result = tt.bptt(model, x, right)
        clip.apply(result.grads)
        optimizer.step(model.params, result.grads)
        losses.append(result.loss)
    return model, losses


def accuracy(model, seed=1):
    """Share of 2000 new trials answered rightly."""
    x, right = trials(np.random.default_rng(seed), 2000)
    logits, _ = model.forward(x)
    return float(((logits > 0) == right).mean())


def main():
    """Check both cells, then train them."""
    for cell in (leaky_fixed, leaky):
        errors = tt.check_cell(cell)
        print(f"{cell}\n  gradients are right: worst relative error {max(errors.values()):.0e}")
        model, losses = train(cell)
        for step in range(0, len(losses), 50):
            print(f"  step {step:3d}   loss {losses[step]:.3f}")
        print(f"  step {len(losses)}   {accuracy(model):.0%} of new trials answered rightly")
    alpha = model.params["rnn.alpha_l0"]
    print(f"  the leaks, {ALPHA} at the start, now run from {alpha.min():.2f} to {alpha.max():.2f}")


if __name__ == "__main__":
    main()
