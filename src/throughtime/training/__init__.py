"""Training runs: the loop, what it reports, what it leaves on disk, and what is done with it afterwards.

fit         the training loop; `plan` its settings, `divergence` its stop where a number is not finite
events      what the loop reports; `display` shows it in a terminal, `metrics` writes it to a file
run         a run, in memory and on disk; `directory` and `weights` its files, `conditions` what it ran on
evaluate    how well a model predicts a text
generate    text made by a model
"""
