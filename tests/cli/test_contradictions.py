import pytest

CONTRADICTIONS = [
    (["--nonlinearity", "relu", "--cell", "gru"], "--nonlinearity relu found with --cell gru; expected it with --cell rnn"),
    (["--input", "onehot", "--tied"], "--input onehot found with --tied; expected --input embedding"),
    (["--input", "onehot", "--embedding-size", "4"], "--input onehot found with --embedding-size; expected"),
    (["--dropout", "0.5"], "--dropout 0.5 found with one layer; expected at least two"),
    (["--clip-norm", "1", "--clip-value", "1"], "--clip-norm 1 found with --clip-value 1; expected one of the two"),
    (["--seq-len", "9", "--truncation", "chunk:9"], "--seq-len 9 found with --truncation chunk:9; expected one of the two"),
    (["--tied", "--embedding-size", "4"], "--tied found with --embedding-size 4 and --hidden-size 256; expected the two sizes to be the same"),
    (["--seq-len", "9", "--by", "sentence"], "--seq-len 9 found with --by sentence; expected it with --by stream only"),
    (["--omega", "4"], "--omega 4 found with --cell lstm; expected it with --cell rnn only"),
    (["--omega", "4", "--cell", "rnn", "--truncation", "window:3"], "--omega 4 found with --truncation window:3; expected full"),
    (["--average", "3", "--val-fraction", "0"], "--average 3 found with --val-fraction 0; expected a validation text"),
    (["--threads", "5", "--batch-size", "4"], "--threads 5 found with --batch-size 4; expected no more threads"),
    (["--on-incident", "rollback", "--keep-checkpoints", "1"], "--keep-checkpoints 1 found with --on-incident rollback"),
    (["--momentum", "0.5"], "--momentum 0.5 found with --optimizer adam; expected it with momentum or nesterov only"),
    (["--momentum", "0", "--optimizer", "nesterov"], "--momentum 0 found with --optimizer nesterov; expected a number above"),
    (["--weight-decay", "0.1"], "--weight-decay 0.1 found with --optimizer adam; expected it with adamw only"),
    (["--truncation", "auto:0.1", "--by", "sentence"], "--truncation auto:0.1 found with --by sentence; expected it with --by stream only"),
    (["--truncation", "auto:0.1", "--flow-every", "0"], "--flow-every 0 found with --truncation auto:0.1; expected at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), CONTRADICTIONS)
def test_train_refuses_options_that_contradict_each_other(options, message, cli, corpus, tmp_path):
    result = cli("train", corpus, "--out", "run", *options)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "run").exists()
