"""Where the gradient goes: how strongly the loss at step t still reaches the state at step t - l, lag by lag."""
