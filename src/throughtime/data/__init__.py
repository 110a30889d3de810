"""Text as batches of token ids: corpora, tokenizers, and the two ways of batching.

A corpus is read (`read`, `builtin`), its vocabulary taken (`Tokenizer.train`), its ids or sentences parted by position
(`split`), and batched as parallel streams whose state carries over (`StreamBatches`) or as sentences, each an example
of its own (`split_sentences`, `SentenceBatches`).
"""

from throughtime.data.batch import Batch
from throughtime.data.corpus import Corpus, builtin, read, split
from throughtime.data.joining import TextStream
from throughtime.data.sentence_batches import SentenceBatches
from throughtime.data.sentences import split_sentences
from throughtime.data.streams import StreamBatches
from throughtime.data.tokenizer import Tokenizer

__all__ = [
    "Batch",
    "Corpus",
    "SentenceBatches",
    "StreamBatches",
    "TextStream",
    "Tokenizer",
    "builtin",
    "read",
    "split",
    "split_sentences",
]
