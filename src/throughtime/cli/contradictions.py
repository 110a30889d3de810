"""Options of `throughtime train` that do not go together, each pair told by their names."""

from collections.abc import Iterator

from throughtime.cli.train_options import TrainOptions
from throughtime.errors import ArgumentError


def refuse_contradictions(options: TrainOptions) -> None:
    """Raise for the first contradiction.

    Raises
    ------
    ArgumentError
        Two options contradict each other.
    """
    for found in (_text, _model, _gradient, _updates):
        for line in found(options):
            raise ArgumentError(line)


def _text(o: TrainOptions) -> Iterator[str]:
    from throughtime.data.vocabularies import LEAST_BPE

    if o.unit == "bpe" and o.vocab_size is not None and o.vocab_size < LEAST_BPE:
        yield (
            f"--vocab-size {o.vocab_size} found with --unit bpe; expected at least {LEAST_BPE}, as the 256 bytes are among "
            "the tokens. Give a larger one, or leave it out."
        )
    if o.by == "sentence" and o.seq_len is not None:
        yield (
            f"--seq-len {o.seq_len} found with --by sentence; expected it with --by stream only, as each sentence is taken "
            "whole. Leave it out, or limit the gradient with --truncation chunk:K."
        )
    for name, value in (("--patience", o.patience), ("--average", o.average)):
        if o.val_fraction == 0 and value is not None:
            yield (
                f"{name} {value} found with --val-fraction 0; expected a validation text, which it goes by. Hold out a share "
                "such as 0.1."
            )


def _model(o: TrainOptions) -> Iterator[str]:
    if o.nonlinearity is not None and o.cell != "rnn":
        yield (
            f"--nonlinearity {o.nonlinearity} found with --cell {o.cell}; expected it with --cell rnn only, as the others "
            "have their own. Leave it out."
        )
    if o.input_ == "onehot" and (o.tied or o.embedding_size is not None):
        yield (
            f"--input onehot found with {'--tied' if o.tied else '--embedding-size'}; expected --input embedding. Leave one "
            "of the two out."
        )
    if o.tied and o.embedding_size not in (None, o.hidden_size):
        yield (
            f"--tied found with --embedding-size {o.embedding_size} and --hidden-size {o.hidden_size}; expected the two sizes "
            "to be the same, as the embedding is the readout, too. Leave --embedding-size out."
        )
    if o.dropout and o.num_layers == 1:
        yield (
            f"--dropout {o.dropout:g} found with one layer; expected at least two, as dropout acts between layers. "
            "Add --num-layers 2."
        )


def _gradient(o: TrainOptions) -> Iterator[str]:
    kind = (o.truncation or "").partition(":")[0].strip()
    if o.seq_len is not None and kind == "chunk":
        yield (
            f"--seq-len {o.seq_len} found with --truncation {o.truncation}; expected one of the two, as a chunk's length is "
            "the number of steps per update. Leave --seq-len out."
        )
    if o.omega and o.cell != "rnn":
        yield (
            f"--omega {o.omega:g} found with --cell {o.cell}; expected it with --cell rnn only, whose gradient has no other "
            "way back in time than the recurrent weights. Add --cell rnn, or leave --omega out."
        )
    if o.omega and kind == "window":
        yield (
            f"--omega {o.omega:g} found with --truncation {o.truncation}; expected full or chunk:K, which carry the gradient "
            "from step to step. Use one of these, or leave --omega out."
        )
    if kind == "auto" and o.by == "sentence":
        yield (
            f"--truncation {o.truncation} found with --by sentence; expected it with --by stream only, as a sentence has no "
            "past to look back over. Leave one of the two out."
        )
    if kind == "auto" and o.flow_every == 0:
        yield (
            f"--flow-every 0 found with --truncation {o.truncation}; expected at least 1, as what it chooses comes from "
            "probes. Leave --flow-every out."
        )
    if o.clip_norm is not None and o.clip_value is not None:
        yield (
            f"--clip-norm {o.clip_norm} found with --clip-value {o.clip_value:g}; expected one of the two. Leave one out."
        )
    if o.threads > o.batch_size:
        yield (
            f"--threads {o.threads} found with --batch-size {o.batch_size}; expected no more threads than there are streams "
            f"or sentences to share out. Lower it to {o.batch_size}."
        )


def _updates(o: TrainOptions) -> Iterator[str]:
    if o.momentum is not None and o.optimizer not in ("momentum", "nesterov"):
        yield (
            f"--momentum {o.momentum:g} found with --optimizer {o.optimizer}; expected it with momentum or nesterov only. "
            "Leave it out, or choose one of these."
        )
    if o.momentum == 0 and o.optimizer == "nesterov":
        yield (
            "--momentum 0 found with --optimizer nesterov; expected a number above 0, as there is no velocity to look along. "
            "Give one such as 0.9."
        )
    if o.weight_decay is not None and o.optimizer != "adamw":
        yield (
            f"--weight-decay {o.weight_decay:g} found with --optimizer {o.optimizer}; expected it with adamw only. Leave it "
            "out, or add --optimizer adamw."
        )
    if o.on_incident == "rollback" and o.keep_checkpoints < 2:
        yield (
            "--keep-checkpoints 1 found with --on-incident rollback; expected at least 2, as the newest may be what went "
            "wrong. Keep 3."
        )
