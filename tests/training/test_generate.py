import unicodedata

import numpy as np
import pytest
from tests.sweeps.definition import drawn

import throughtime as tt
from throughtime.training.generate import stream


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


def test_stream_gives_the_first_pieces_before_the_last_are_made(trained):
    pieces = stream(trained.model, trained.tokenizer, "a", 10**9, seed=3)
    assert len([next(pieces) for _ in range(300)]) == 300


def test_stream_checks_its_arguments_before_the_first_piece(trained):
    with pytest.raises(tt.ArgumentError, match="length=0"):
        stream(trained.model, trained.tokenizer, length=0)
    with pytest.raises(tt.ArgumentError, match="top_p=2"):
        stream(trained.model, trained.tokenizer, top_p=2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_stream_ends_where_logits_are_not_finite(bad):
    tokenizer = tt.Tokenizer.train("ab")
    pieces = stream(constant_model(tokenizer, a=bad), tokenizer, "b")
    assert next(pieces) == "b"
    with pytest.raises(tt.DivergedError, match="not finite"):
        next(pieces)


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


def test_generate_never_draws_a_mark_that_no_text_gives():
    tokenizer = tt.Tokenizer.of(["a", "<pad>", "[MASK]"])
    model = tt.LanguageModel(3, 4, seed=0)
    assert {*tt.generate(model, tokenizer, "a", length=50, seed=0)} == {"a"}


def test_generate_never_draws_a_special_token():
    tokenizer = tt.Tokenizer.train("ab")
    model = constant_model(tokenizer, unk=50, s=50, end=50)
    assert set(tt.generate(model, tokenizer, length=50, seed=0)) <= set("ab")


def test_generate_by_sentence_puts_each_on_a_line():
    tokenizer = tt.Tokenizer.train("ab")
    model = constant_model(tokenizer, end=9, unk=50, s=50)
    text = tt.generate(model, tokenizer, "ab", length=4, seed=0, by="sentence")
    # Almost every draw ends the sentence, but none is empty.
    assert text.split("\n")[0].startswith("ab")
    assert "\n\n" not in text
    assert "\n" in text
    assert sum(map(len, text.split("\n"))) == 6


@pytest.mark.parametrize("prompt", ["", "cab"])
def test_generate_by_sentence_begins_each_from_a_fresh_state(prompt):
    tokenizer = tt.Tokenizer.train("abc")
    model = tt.LanguageModel(tokenizer.vocab_size, 5, "gru", dtype="float64", seed=1)
    for array in model.params.values():
        array *= 3
    start, end, unknown = tokenizer.start_id, tokenizer.end_id, tokenizer.unknown_id
    rng, sentences, ids, made = np.random.default_rng(0), [], tokenizer.encode(prompt).tolist(), 0
    while made < 60:
        logits, _ = model.forward(np.array([start, *ids])[:, None])
        allowed = logits[-1, 0].copy()
        allowed[[start, unknown] if ids else [start, unknown, end]] = -np.inf
        token = drawn(allowed, rng.random())
        if token == end:
            sentences.append(ids)
            ids = []
        else:
            ids.append(token)
            made += 1
    sentences.append(ids)
    assert len(sentences) > 3
    expected = "\n".join(map(tokenizer.decode, sentences))
    assert tt.generate(model, tokenizer, prompt, 60, seed=0, by="sentence") == expected


def test_generate_without_a_prompt_begins_as_at_a_new_line(trained):
    def first(prompt):
        return tt.generate(trained.model, trained.tokenizer, prompt, 40, seed=0)[len(prompt) :]

    assert first("") == first("\n") != first("a")


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


def test_generate_with_bpe_begins_as_at_a_new_line():
    tokenizer = tt.Tokenizer.train("a\nb\n", unit="bpe", vocab_size=259)
    model = tt.LanguageModel(tokenizer.vocab_size, 4, seed=0)
    model.params["rnn.weight_ih_l0"] *= 9  # so that what is read first decides what is written

    def first(prompt):
        return tt.generate(model, tokenizer, prompt, 20, seed=0)[len(prompt) :]

    assert first("") == first("\n") != first("a")


def test_generate_refuses_another_model_s_tokenizer(trained):
    with pytest.raises(tt.ArgumentError, match="the tokenizer has"):
        tt.generate(trained.model, tt.Tokenizer.train("xyz"))


def test_generate_does_without_special_tokens():
    tokenizer = tt.Tokenizer.of("ab")
    model = tt.LanguageModel(2, 4, seed=0)
    for prompt in ("", "a"):
        assert {*tt.generate(model, tokenizer, prompt, length=30, seed=0)} == {"a", "b"}
    with pytest.raises(tt.TokenError, match="'c', which the vocabulary lacks"):
        tt.generate(model, tokenizer, "abc")
    with pytest.raises(tt.ArgumentError, match="by='sentence' found with a vocabulary that has not <s> and"):
        tt.generate(model, tokenizer, by="sentence")
