"""Text as batches of token ids: corpora, tokenizers, and the two ways of batching.

A corpus is read (`read`, `builtin`), its vocabulary taken (`Tokenizer.train`), its ids or sentences parted by position
(`split`), and batched as parallel streams whose state carries over (`StreamBatches`) or as sentences, each an example
of its own (`split_sentences`, `SentenceBatches`).

files, blocks, corpus       text: from files and unpacked; cut into blocks without cutting a token; as a whole
vocabularies, tokenizer     what a token is; text to ids and back; joining: ids to text, one at a time
tokens, cache               a text as ids, in memory or on disk, so that memory does not grow with the text
sentences                   where sentences end
parts                       for training, for validation
streams, sentence_batches   batches
"""

from throughtime.data.batch import Batch
from throughtime.data.corpus import Corpus, builtin, read
from throughtime.data.joining import TextStream
from throughtime.data.parts import split
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
