import itertools
import math
import unicodedata

import numpy as np
import pytest

import throughtime as tt
from throughtime.data import split_sentences
from throughtime.data.cache import encode_corpus
from throughtime.data.corpus import read
from throughtime.machine.workspace import Workspace
from throughtime.training import evaluate as evaluate_module
from throughtime.training.evaluate import Evaluation, ScoredText, perplexity, require_ids


def log_probabilities(model, ids: list[int], state=None) -> list[float]:
    """-log p of each token after the first, one step at a time."""
    found = []
    for now, following in itertools.pairwise(ids):
        outputs, state = model.step(np.array([now]), state)
        x = outputs[0].astype(float)
        found.append(np.log(np.exp(x - x.max()).sum()) + x.max() - x[following])
    return found


def test_evaluate_by_stream_is_the_mean_of_each_next_character(text, tokenizer, model):
    found = tt.evaluate(model, tokenizer, text)
    nats = log_probabilities(model, tokenizer.encode(text).tolist())
    assert found.tokens == len(nats) == len(text) - 1
    assert found.loss == pytest.approx(np.mean(nats), rel=1e-5)
    assert found.perplexity == math.exp(found.loss)
    assert found.bits_per_char == pytest.approx(found.loss / math.log(2))
    assert found.unknown == 0


def test_evaluate_by_sentence_scores_each_from_its_start_to_its_end(text, tokenizer, model):
    found = tt.evaluate(model, tokenizer, text, by="sentence")
    sentences = split_sentences(text)
    nats = []
    for sentence in sentences:
        ids = [tokenizer.start_id, *tokenizer.encode(sentence).tolist(), tokenizer.end_id]
        nats += log_probabilities(model, ids)
    assert found.tokens == len(nats)
    assert found.loss == pytest.approx(np.mean(nats), rel=1e-5)
    assert found.bits_per_char == pytest.approx(sum(nats) / math.log(2) / sum(map(len, sentences)), rel=1e-5)


@pytest.mark.parametrize("by", ["stream", "sentence"])
def test_evaluate_hardly_depends_on_how_many_go_side_by_side(by, text, tokenizer, model):
    one, four = (tt.evaluate(model, tokenizer, text, by=by, batch_size=n) for n in (1, 4))
    assert one.tokens == four.tokens
    assert one.loss == pytest.approx(four.loss, rel=0.01 if by == "stream" else 1e-6)


@pytest.mark.parametrize("by", ["stream", "sentence"])
def test_evaluate_divides_what_goes_side_by_side_among_threads(by, text, tokenizer, monkeypatch):
    model = tt.LanguageModel(tokenizer.vocab_size, 8, dtype="float64", seed=0)
    evaluate_loss, seen = model.evaluate_loss, []
    monkeypatch.setattr(
        model,
        "evaluate_loss",
        lambda *batch, **how: (seen.append(how["threads"]), evaluate_loss(*batch, **how))[1],
    )
    one, three, again = (tt.evaluate(model, tokenizer, text, by, 5, threads=n) for n in (1, 3, 3))
    assert set(seen) == {1, 3}
    assert three == again
    assert (three.tokens, three.unknown) == (one.tokens, one.unknown)
    assert three.loss == pytest.approx(one.loss, rel=1e-13)


def test_evaluate_tells_no_bits_where_characters_are_unknown(text, tokenizer, model):
    found = tt.evaluate(model, tokenizer, text + "?!?")
    assert found.unknown == 3
    assert found.bits_per_char is None


def test_evaluate_counts_as_unknown_what_it_predicts(text, tokenizer, model):
    found = tt.evaluate(model, tokenizer, "?" * 300)
    assert (found.tokens, found.unknown) == (299, 299)
    # The first character of a stream is given.
    given = tt.evaluate(model, tokenizer, "?" + text)
    assert given.unknown == 0
    assert given.bits_per_char == pytest.approx(given.loss / math.log(2))


def test_evaluate_tells_bits_of_words_only_where_all_are_known(text):
    tokenizer = tt.Tokenizer.train(text, unit="word")
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    known = tt.evaluate(model, tokenizer, "the cat ran")
    # 'the' is given; ' cat ran' is predicted.
    assert known.bits_per_char == pytest.approx(2 * known.loss / math.log(2) / len("cat ran"))
    unknown = tt.evaluate(model, tokenizer, "the dog ran")
    assert (unknown.unknown, unknown.bits_per_char) == (1, None)


def test_evaluate_tells_bits_of_bpe_for_every_text(text):
    tokenizer = tt.Tokenizer.train(text, unit="bpe", vocab_size=280)
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    strange = "the 🇻🇳 cặt"
    found = tt.evaluate(model, tokenizer, strange)
    first = tokenizer.decode(tokenizer.encode(strange)[:1])
    characters = len(unicodedata.normalize("NFC", strange)) - len(first)
    assert found.unknown == 0
    assert found.bits_per_char == pytest.approx(found.loss * found.tokens / math.log(2) / characters)


@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
@pytest.mark.parametrize("by", ["stream", "sentence"])
def test_evaluate_takes_files_as_their_text(by, unit, text, tmp_path):
    tokenizer = tt.Tokenizer.train(text, unit, vocab_size=270)
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    (tmp_path / "text.txt").write_text(text)
    of_text = tt.evaluate(model, tokenizer, text, by)
    of_file = tt.evaluate(model, tokenizer, read(tmp_path / "text.txt"), by)
    again = tt.evaluate(model, tokenizer, read(tmp_path / "text.txt"), by)
    assert of_file == again == of_text


def test_evaluate_refuses_tokens_that_were_made_for_the_other_way(text, tokenizer, model):
    tokens = encode_corpus(tt.Corpus("a text", text), tokenizer, "sentence")
    assert tt.evaluate(model, tokenizer, tokens, "sentence") == tt.evaluate(
        model, tokenizer, text, "sentence"
    )
    with pytest.raises(tt.ArgumentError, match="by='stream' found with the tokens of a text"):
        tt.evaluate(model, tokenizer, tokens)


def test_score_asks_before_each_batch_whether_to_go_on(text, tokenizer, model):
    scored = ScoredText(tokenizer.encode(text), tokenizer)
    asked = []
    scored.score(model, Workspace(), lambda: asked.append(1))
    assert len(asked) == len(scored.batches)


def test_ids_are_checked_chunk_by_chunk(monkeypatch):
    monkeypatch.setattr(evaluate_module, "CHUNK", 3)
    ids = np.array([0, 1, 2, 3, 4, 5, 6, 7], np.uint8)
    require_ids(ids, 8)
    with pytest.raises(tt.TokenError, match="token 6 is 6; expected an id from 0 to 5"):
        require_ids(ids, 6)
    with pytest.raises(tt.TokenError, match="token 4 is -1"):
        require_ids(np.array([0, 1, 2, 3, -1]), 6)


def test_evaluate_takes_ids_and_a_corpus_alike(text, tokenizer, model):
    by_text = tt.evaluate(model, tokenizer, text)
    assert tt.evaluate(model, tokenizer, tt.Corpus("a text", text)) == by_text
    assert tt.evaluate(model, tokenizer, tokenizer.encode(text).astype(np.int64)) == by_text
    bare = tt.evaluate(model, None, tokenizer.encode(text))
    assert bare == Evaluation(by_text.loss, by_text.perplexity, by_text.tokens, 0, None)


def test_evaluate_leaves_dropout_out(text, tokenizer):
    model = tt.LanguageModel(tokenizer.vocab_size, 8, num_layers=2, dropout=0.5, seed=0)
    assert tt.evaluate(model, tokenizer, text) == tt.evaluate(model, tokenizer, text)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"text": "a"}, tt.TextError, "1 tokens; expected at least 2"),
        ({"by": "line"}, tt.ArgumentError, "by='line'"),
        ({"batch_size": 0}, tt.ArgumentError, "batch_size=0"),
        ({"threads": 0}, tt.ArgumentError, "threads=0"),
        ({"batch_size": 10_000}, tt.TextError, "10001"),
        ({"text": np.array([0, 1, 77])}, tt.TokenError, "token 2 is 77"),
        ({"text": np.array([4, 5, 77])}, tt.TokenError, "token 2 is 77"),
        ({"text": np.array([0, 1, 2**40])}, tt.TokenError, "token 2 is 1099511627776"),
        ({"tokenizer": tt.Tokenizer.train("xyz")}, tt.ArgumentError, "the tokenizer has 6 tokens"),
        ({"tokenizer": None}, tt.ArgumentError, "without a tokenizer"),
    ],
)
def test_evaluate_refuses_bad_input(arguments, error, message, text, tokenizer, model):
    with pytest.raises(error, match=message) as caught:
        tt.evaluate(model, **{"tokenizer": tokenizer, "text": text, **arguments})
    assert "; expected" in str(caught.value)


def test_perplexity_has_a_value_for_every_loss():
    assert perplexity(0.0) == 1
    assert perplexity(1e9) == math.inf
    assert math.isnan(perplexity(math.nan))


def test_evaluate_refuses_what_is_no_tokenizer(text, model):
    with pytest.raises(tt.ArgumentError, match="tokenizer 'char' found; expected a Tokenizer"):
        tt.evaluate(model, "char", text)


def test_evaluate_by_sentence_needs_a_vocabulary_with_marks():
    model = tt.LanguageModel(3, 4, seed=0)
    with pytest.raises(tt.ArgumentError, match="by='sentence' found with a vocabulary that has not <s> and"):
        tt.evaluate(model, tt.Tokenizer.of("ab."), "ab. ba.", by="sentence")
