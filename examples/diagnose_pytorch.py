"""A PyTorch model that does not learn a long dependency, and why: pip install 'throughtime[torch]'."""

import torch
from torch import nn

import throughtime.torch as tt_torch

DELAY, STEPS = 20, 80


class Echo(nn.Module):
    """Repeats what it read some steps ago."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, 32, batch_first=True)
        self.readout = nn.Linear(32, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.rnn(x)[0])


def draw() -> tuple[torch.Tensor, torch.Tensor]:
    """A batch (B, T, 1), and what to answer: the input of DELAY steps ago, 0 before there was one."""
    x = torch.rand(16, STEPS, 1) * 2 - 1
    return x, torch.cat([torch.zeros(16, DELAY, 1), x[:, :-DELAY]], dim=1)


torch.manual_seed(0)
model, loss_of = Echo(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for _ in range(100):
    x, target = draw()
    loss = loss_of(model(x), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(
    f"After 100 updates the loss is {loss.item():.3f}; answering 0 throughout would give {target.square().mean():.3f}."
)

# Nothing of the model is changed by being measured.
x, target = draw()
flow = tt_torch.diagnose(model, x, lambda y: loss_of(y, target))
print(
    f"Of the gradient {flow.curve().relative[DELAY]:.0e} is left after {DELAY} lags, of which the task needs all.\n"
)
for finding in flow.findings:
    print(finding, end="\n\n")

# What the finding says to type.
nn.init.orthogonal_(model.rnn.weight_hh_l0)
flow = tt_torch.diagnose(model, x, lambda y: loss_of(y, target))
print(f"With orthogonal recurrent weights it is {flow.curve().relative[DELAY]:.0e}.")
