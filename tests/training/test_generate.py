import unicodedata

import numpy as np
import pytest

import throughtime as tt
from throughtime.training.generate import Sampler, stream

ANY = np.random.default_rng(0)


def draws(logits, n: int = 4000, **settings) -> np.ndarray:
    """How often each index is drawn."""
    sampler = Sampler(
        **{"temperature": 1.0, "top_k": None, "top_p": None, "rng": np.random.default_rng(0), **settings}
    )
    return np.bincount([sampler(np.asarray(logits)) for _ in range(n)], minlength=len(logits)) / n


def test_sampler_draws_with_the_softmax_s_probabilities():
    p = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(draws(np.log(p)), p, atol=0.03)


def test_sampler_divides_by_the_temperature():
    p = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(draws(np.log(p), temperature=0.5), p**2 / (p**2).sum(), atol=0.03)


def test_sampler_at_zero_takes_the_likeliest():
    assert draws([0.1, 0.3, 0.2], n=20, temperature=0.0).tolist() == [0, 1, 0]


def test_sampler_survives_a_temperature_near_zero():
    assert draws([0.1, 0.3, 0.2], n=20, temperature=1e-300).tolist() == [0, 1, 0]


def test_sampler_draws_from_the_k_likeliest():
    found = draws(np.log([0.5, 0.1, 0.4]), top_k=2)
    np.testing.assert_allclose(found, [5 / 9, 0, 4 / 9], atol=0.03)


def test_sampler_draws_from_the_nucleus():
    p = np.log([0.5, 0.15, 0.35])
    assert draws(p, n=50, top_p=0.5).tolist() == [1, 0, 0]
    assert draws(p, top_p=0.51)[1] == 0
    assert draws(p, top_p=0.86).min() > 0
    np.testing.assert_allclose(draws(p, top_p=1.0), [0.5, 0.15, 0.35], atol=0.03)


def test_sampler_never_draws_what_is_impossible():
    assert draws([-np.inf, 0.0, -np.inf], n=100).tolist() == [0, 1, 0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_sampler_refuses_logits_that_are_not_finite(bad):
    with pytest.raises(tt.DivergedError, match="not finite"):
        Sampler(1.0, None, None, ANY)(np.array([0.0, bad]))


@pytest.mark.parametrize(
    "settings",
    [{"temperature": -1.0}, {"temperature": np.nan}, {"temperature": np.inf}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}],
)  # fmt: skip
def test_sampler_refuses_settings_out_of_range(settings):
    with pytest.raises(tt.ArgumentError, match="; expected"):
        Sampler(**{"temperature": 1.0, "top_k": None, "top_p": None, "rng": ANY, **settings})


def test_generate_continues_the_prompt(trained):
    text = tt.generate(trained.model, trained.tokenizer, "the ", length=30, seed=0)
    assert text.startswith("the ")
    assert len(text) == 34


def test_generate_reads_the_prompt_and_feeds_back_what_it_draws(trained):
    model, tokenizer = trained.model, trained.tokenizer
    found = tt.generate(model, tokenizer, "the", length=5, temperature=0)
    ids = tokenizer.encode("the").tolist()
    for _ in range(5):
        logits, _ = model.forward(np.array(ids)[:, None])
        allowed = logits[-1, 0].copy()
        allowed[[tokenizer.unknown_id, tokenizer.start_id, tokenizer.end_id]] = -np.inf
        ids.append(int(allowed.argmax()))
    assert found == tokenizer.decode(ids)


def test_generate_repeats_itself_with_a_seed_alone(trained):
    def once(seed):
        return tt.generate(trained.model, trained.tokenizer, length=60, seed=seed)

    assert once(1) == once(1)
    assert once(1) != once(2)
    assert once(None) != once(None)


def test_stream_s_pieces_are_generate_s_text(trained):
    pieces = list(stream(trained.model, trained.tokenizer, "a", 12, seed=3))
    assert len(pieces) == 13
    assert "".join(pieces) == tt.generate(trained.model, trained.tokenizer, "a", 12, seed=3)


def test_stream_costs_one_step_a_token(trained, monkeypatch):
    calls = []
    original = trained.model.step
    monkeypatch.setattr(
        trained.model, "step", lambda x, state: (calls.append(x.shape), original(x, state))[1]
    )
    list(stream(trained.model, trained.tokenizer, "the", 10, seed=3))
    assert calls == [(1,)] * 13


def test_stream_checks_its_arguments_before_the_first_piece(trained):
    with pytest.raises(tt.ArgumentError, match="length=0"):
        stream(trained.model, trained.tokenizer, length=0)


def constant_model(tokenizer, **logits: float) -> tt.LanguageModel:
    """A model that gives each token the same logit at every step."""
    model = tt.LanguageModel(tokenizer.vocab_size, 2, seed=0)
    for array in model.params.values():
        array[...] = 0
    for token, logit in logits.items():
        model.params["readout.bias"][
            tokenizer.tokens.index({"unk": "<unk>", "s": "<s>", "end": "</s>"}.get(token, token))
        ] = logit
    return model


def test_generate_never_draws_a_special_token():
    tokenizer = tt.Tokenizer.train("ab")
    model = constant_model(tokenizer, unk=50, s=50, end=50)
    assert set(tt.generate(model, tokenizer, length=50, seed=0)) <= set("ab")


def test_generate_by_sentence_puts_each_on_a_line_from_a_fresh_state(monkeypatch):
    tokenizer = tt.Tokenizer.train("ab")
    model = constant_model(tokenizer, end=9, unk=50, s=50)
    states = []
    original = model.step
    monkeypatch.setattr(model, "step", lambda x, state: (states.append((x[0], state)), original(x, state))[1])
    text = tt.generate(model, tokenizer, "ab", length=4, seed=0, by="sentence")
    # Almost every draw ends the sentence, but none is empty.
    assert text.split("\n")[0].startswith("ab")
    assert "\n\n" not in text
    assert "\n" in text
    assert sum(map(len, text.split("\n"))) == 6
    assert all(state is None for token, state in states if token == tokenizer.start_id)
    assert sum(token == tokenizer.start_id for token, _ in states) > 1


def test_generate_without_a_prompt_begins_as_at_a_new_line(trained, monkeypatch):
    seen = []
    original = trained.model.step
    monkeypatch.setattr(
        trained.model, "step", lambda x, state: (seen.append(int(x[0])), original(x, state))[1]
    )
    tt.generate(trained.model, trained.tokenizer, length=1, seed=0)
    assert trained.tokenizer.tokens[seen[0]] == "\n"


def test_generate_without_any_beginning_known_takes_some_token():
    tokenizer = tt.Tokenizer.train("ab")
    assert len(tt.generate(constant_model(tokenizer), tokenizer, length=3, seed=0)) == 3


def test_generate_refuses_characters_never_seen(trained):
    with pytest.raises(tt.TokenError, match="the prompt has 'X', 'é', which the model has never seen"):
        tt.generate(trained.model, trained.tokenizer, "the X " + unicodedata.normalize("NFD", "é"))


def test_generate_joins_words_and_reads_unknown_ones_as_such():
    tokenizer = tt.Tokenizer.train("yes, yes yes", unit="word")
    model = constant_model(tokenizer, yes=9)
    assert tt.generate(model, tokenizer, "oh dear", length=2, temperature=0) == "oh dear yes yes"
    assert tt.generate(model, tokenizer, "oh dear ", length=2, temperature=0) == "oh dear yes yes"


def test_generate_with_bpe_knows_every_prompt_and_joins_what_follows():
    tokenizer = tt.Tokenizer.train("yes, yes yes " * 9, unit="bpe", vocab_size=270)
    yes = next(token for token in tokenizer.tokens if token == "Ġyes")
    model = constant_model(tokenizer, **{yes: 9})
    prompt = "Ồ 🇻🇳 <s>"
    assert tt.generate(model, tokenizer, prompt, length=2, temperature=0) == f"{prompt} yes yes"
    assert tt.generate(model, tokenizer, length=1, temperature=0) == " yes"


def test_generate_with_bpe_shows_characters_when_they_are_complete():
    tokenizer = tt.Tokenizer.train("a", unit="bpe", vocab_size=259)
    first, second = (tokenizer.tokens[tokenizer.bytes_of.index(content)] for content in (b"\xc3", b"\xa9"))
    pieces = list(stream(constant_model(tokenizer, **{first: 9}), tokenizer, "a", 2, temperature=0))
    assert "".join(pieces) == "a\ufffd\ufffd"
    pieces = list(stream(constant_model(tokenizer, **{second: 9}), tokenizer, "é", 1, temperature=0))
    assert "".join(pieces) == "é\ufffd"


def test_generate_with_bpe_begins_as_at_a_new_line(monkeypatch):
    tokenizer = tt.Tokenizer.train("a\nb\n", unit="bpe", vocab_size=259)
    model = constant_model(tokenizer)
    seen = []
    original = model.step
    monkeypatch.setattr(model, "step", lambda x, state: (seen.append(int(x[0])), original(x, state))[1])
    tt.generate(model, tokenizer, length=1, seed=0)
    assert tokenizer.bytes_of[seen[0]] == b"\n"


def test_generate_refuses_another_model_s_tokenizer(trained):
    with pytest.raises(tt.ArgumentError, match="the tokenizer has"):
        tt.generate(trained.model, tt.Tokenizer.train("xyz"))
