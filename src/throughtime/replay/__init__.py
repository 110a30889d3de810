"""The article replayed: its own code beside the engine, on a real text, in the terminal.

setting     the text, the sentence, the network that every chapter starts from
engine      the article's gradient as the engine computes it
measures    the numbers of each chapter
slips       the article's slips, put right with numbers
catalogue   the words, in English and Vietnamese
page        title, prose, equations, tables
drawing     curves, bars and triangles made of characters
chapters    numbers, words and drawings put together
tour        the chapters in order
"""

from throughtime.replay.tour import replay

__all__ = ["replay"]
