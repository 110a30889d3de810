"""A PyTorch training loop as people write it, with the layer swapped; and processes that fork."""

import subprocess
import sys

import pytest
from tests.conftest import require_torch

torch = require_torch()

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from throughtime.torch import accelerate  # noqa: E402


class Model(nn.Module):
    def __init__(self, kind, dtype):
        super().__init__()
        self.rnn = kind(2, 16, num_layers=2, dropout=0.2, batch_first=True, dtype=dtype)
        self.head = nn.Linear(16, 1, dtype=dtype)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.head(y[:, -1])[:, 0]


def adding(count, T, dtype):
    """The sum of the two numbers that are marked (Hochreiter and Schmidhuber 1997)."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.rand(count, T, generator=generator, dtype=dtype)
    marks = torch.zeros(count, T, dtype=dtype)
    marks.scatter_(1, torch.randint(0, T // 2, (count, 1), generator=generator), 1)
    marks.scatter_(1, torch.randint(T // 2, T, (count, 1), generator=generator), 1)
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1)


def train(kind, dtype, swapped):
    torch.manual_seed(0)
    model = Model(kind, dtype)
    if swapped:
        assert list(accelerate(model).swapped) == ["rnn"]
    loader = DataLoader(
        TensorDataset(*adding(320, 20, dtype)), 32, shuffle=True, generator=torch.Generator().manual_seed(1)
    )
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses, norms = [], []
    for _ in range(4):
        for x, target in loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), target)
            loss.backward()
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), 0.05).item())
            optimizer.step()
            losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64), torch.tensor(norms, dtype=torch.float64)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5)], ids=str)
def test_training_loop_has_the_same_losses_with_the_layer_swapped(kind, dtype, tolerance, sweeps):
    losses, norms = train(kind, dtype, swapped=False)
    assert not sweeps
    found, found_norms = train(kind, dtype, swapped=True)
    assert len(sweeps) == len(losses)
    assert losses[-10:].mean() < 0.7 * losses[:10].mean()
    assert (norms > 0.05).any()  # clipping has acted
    torch.testing.assert_close(found, losses, rtol=tolerance, atol=0)
    torch.testing.assert_close(found_norms, norms, rtol=10 * tolerance, atol=0)


WORKERS = """
import torch
from torch.utils.data import DataLoader, Dataset
import throughtime.torch as tt_torch

class Encoded(Dataset):
    def __init__(self, layer):
        self.layer = layer
    def __len__(self):
        return 8
    def __getitem__(self, n):
        torch.set_num_threads(2)  # a loader gives its workers one
        y, _ = self.layer(torch.full((30, 4, 3), n / 10))
        y.sum().backward()
        assert counts == {2}
        return y.detach()

torch.manual_seed(0)
torch.set_num_threads(2)
from throughtime.torch.layers import passes
passes._WORTH_A_THREAD = 1e-9
counts, side_by_side = set(), passes.side_by_side
def counted(work, count):
    counts.add(count)
    return side_by_side(work, count)
passes.side_by_side = counted
layer = tt_torch.GRU(3, 8)
here = torch.stack([Encoded(layer)[n] for n in range(8)])
loader = DataLoader(Encoded(layer), 2, num_workers=2, multiprocessing_context="fork")
print(torch.equal(torch.cat(list(loader)), here) or (torch.cat(list(loader)) - here).abs().max().item() < 1e-6)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_layer_works_in_the_forked_workers_of_a_loader_after_threads_have_run():
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKERS],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.stdout.strip() == "True", found.stderr
