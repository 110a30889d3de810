"""Training as a progress bar of tqdm's."""

from throughtime.extras import require

require("tqdm", "tqdm")
