"""Writing in compiled blocks against the model's own steps and draws by definition."""

import numpy as np
import pytest
from tests.cells.samples import rich
from tests.sweeps.definition import drawn

import throughtime as tt
from throughtime.networks import writer as module
from throughtime.networks.writer import Writer
from throughtime.sweeps.draw import NONE

V, H = 7, 5
CELLS = ["rnn", "lstm", "gru", rich]
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: getattr(cell, "name", cell))
INPUTS = {
    "one-hot": {},
    "embedding": {"embedding_size": 3},
    "tied": {"embedding_size": H, "tied": True},
    "no bias": {"embedding_size": 9, "bias": False},
}
every_input = pytest.mark.parametrize("settings", INPUTS.values(), ids=INPUTS)


def made(cell="lstm", num_layers=1, dtype="float64", scale=3.0, **settings):
    """A model whose weights are large enough that every token matters."""
    model = tt.LanguageModel(V, H, cell, num_layers, dtype=dtype, seed=1, **settings)
    for name, array in model.params.items():
        array *= scale if "weight" in name or "bias" in name else 1
    return model


def written(model, prompt, count, forbidden=(), stop=NONE, seed=2, **choice):
    """Token by token, as it is defined."""
    rng, tokens, state = np.random.default_rng(seed), [], None
    for token in prompt:
        logits, state = model.step(np.array([token]), state)
    while len(tokens) < count and (not tokens or tokens[-1] != stop):
        allowed = logits[0].copy()
        allowed[list(forbidden)] = -np.inf
        tokens.append(drawn(allowed, rng.random(), **choice))
        logits, state = model.step(np.array(tokens[-1:]), state)
    return tokens


def write(model, prompt, count, forbidden=(), stop=NONE, seed=2, length=1, block=None, **choice):
    """The same by a Writer, in blocks."""
    writer = Writer(model, length, np.random.default_rng(seed), **choice)
    writer.read(prompt)
    allowed, tokens = writer.allowed(list(forbidden)), []
    while len(tokens) < count and (not tokens or tokens[-1] != stop):
        tokens += writer.write(min(block or count, count - len(tokens)), allowed, stop).tolist()
    return tokens


@pytest.mark.parametrize("num_layers", [1, 3])
@every_cell
def test_writer_writes_what_steps_and_draws_do(cell, num_layers):
    model = made(cell, num_layers, embedding_size=3)
    expected = written(model, [3, 1], 40)
    assert len(set(expected)) > 2
    assert write(model, [3, 1], 40) == expected


@pytest.mark.parametrize("length", [1, 100], ids=["short", "long"])
@every_input
def test_writer_reads_tokens_in_every_way(settings, length):
    for cell in ("gru", "rnn"):
        model = made(cell, 2, **settings)
        assert write(model, [0, 6, 2], 30, length=length) == written(model, [0, 6, 2], 30)


@pytest.mark.parametrize(
    "choice",
    [{"temperature": 0}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.7}, {"temperature": 2.0, "top_k": 4, "top_p": 0.8}],
    ids=str,
)  # fmt: skip
def test_writer_draws_as_it_is_told(choice):
    model = made()
    expected = written(model, [4], 40, **choice)
    assert write(model, [4], 40, **choice) == expected


@every_cell
def test_writer_in_float32_has_the_steps_states(cell):
    # A draw is a threshold, where the last bit may decide; what the draws are made from is compared instead.
    model = made(cell, 2, "float32", scale=1.0)
    writer = Writer(model, 1, np.random.default_rng(0), temperature=0)
    ids = np.array([1, 5, 0, 0, 3])
    writer.read(ids)
    writer.write(1, writer.allowed([]))
    _, state = model.forward(ids[:, None])
    states = np.array(state if isinstance(state, tuple) else [state])[:, :, 0]
    assert writer.states.dtype == np.float32
    np.testing.assert_allclose(writer.states, states, atol=1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_writer_has_the_same_bits_whether_the_table_is_multiplied_whole_or_not(dtype):
    model = tt.LanguageModel(40, 70, "gru", embedding_size=37, dtype=dtype, seed=1)
    states = []
    for length in (1, 1000):
        writer = Writer(model, length, np.random.default_rng(0))
        writer.read([3, 1, 39])
        writer.write(20, writer.allowed([]))
        states.append(writer.states)
    np.testing.assert_array_equal(*states)
    assert states[0].any()


@pytest.mark.parametrize("block", [1, 2, 7, 30])
def test_writer_writes_the_same_in_blocks_of_any_size(block, monkeypatch):
    model = made(num_layers=2)
    expected = write(model, [3, 2, 1, 5, 5], 30)
    assert write(model, [3, 2, 1, 5, 5], 30, block=block) == expected
    monkeypatch.setattr(module, "_LONGEST_BLOCK", block)  # the prompt is read in blocks, too
    assert write(model, [3, 2, 1, 5, 5], 30) == expected


def test_writer_never_writes_what_is_forbidden():
    model = made()
    expected = written(model, [4], 60, forbidden=[0, 2, 3])
    assert write(model, [4], 60, forbidden=[0, 2, 3]) == expected
    assert {0, 2, 3}.isdisjoint(expected)
    assert not {0, 2, 3}.isdisjoint(write(model, [4], 60))


@pytest.mark.parametrize("block", [3, 50])
def test_writer_stops_after_the_token_that_ends_and_wastes_no_luck(block):
    model = made()
    tokens = write(model, [4], 50)
    stop = tokens[5]
    end = tokens.index(stop) + 1
    writer = Writer(model, 1, np.random.default_rng(2))
    writer.read([4])
    allowed, found = writer.allowed([]), []
    while stop not in found:
        found += writer.write(block, allowed, stop).tolist()
    assert found == tokens[:end]
    assert writer.write(50 - end, allowed).tolist() == tokens[end:]


def test_writer_forgets_everything_but_its_luck():
    model = made()
    writer = Writer(model, 1, np.random.default_rng(2), temperature=0)
    writer.read([4])
    first = writer.write(9, writer.allowed([])).tolist()
    writer.read([1, 2])
    writer.forget()
    assert not writer.states.any()
    writer.read([4])
    assert writer.write(9, writer.allowed([])).tolist() == first


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0, 1])
def test_writer_writes_none_where_logits_are_not_finite(bad, temperature):
    model = made()
    model.params["readout.bias"][3] = bad
    assert write(model, [4], 9, stop=NONE, temperature=temperature, block=9)[:1] == [NONE]


def test_writer_asks_for_shorter_blocks_of_larger_models():
    blocks = [
        Writer(tt.LanguageModel(9, size, seed=0), 1, np.random.default_rng(0)).block for size in (4, 600)
    ]
    assert blocks[0] == 256
    assert 1 <= blocks[1] < 64


def test_writer_refuses_tokens_outside_the_vocabulary():
    with pytest.raises(tt.TokenError, match="7"):
        Writer(made(), 1, np.random.default_rng(0)).read([7])


def test_writer_refuses_parameters_exchanged_for_others():
    model = made()
    model.params["readout.weight"] = np.zeros((V, H + 1))
    with pytest.raises(tt.ShapeError, match=r"readout\.weight"):
        Writer(model, 1, np.random.default_rng(0))


@pytest.mark.parametrize(
    "choice",
    [{"temperature": -1.0}, {"temperature": np.nan}, {"temperature": np.inf}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}],
)  # fmt: skip
def test_writer_refuses_settings_out_of_range(choice):
    with pytest.raises(tt.ArgumentError, match="; expected"):
        Writer(made(), 1, np.random.default_rng(0), **choice)


def test_writer_has_nothing_to_continue_before_it_has_read():
    writer = Writer(tt.LanguageModel(9, 4, seed=0), 5, np.random.default_rng(0))
    for prepare in (lambda: None, writer.forget):
        prepare()
        with pytest.raises(tt.ArgumentError, match="nothing to continue"):
            writer.write(1, writer.allowed([]))
