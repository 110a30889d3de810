"""How fast a whole training step is, beside its peers."""
