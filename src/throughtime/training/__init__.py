"""Training runs: the loop, what it reports, what it leaves on disk, and what is done with it afterwards.

fit         the way in: everything is checked and prepared (`plan` the settings, `material` the text), then learned
loop        the training loop; `pace` times it, `divergence` says when it has to stop
events      what the loop reports; `display` shows it in a terminal, `metrics` writes it to a file
run         a run, in memory and on disk; `directory` and `weights` its files, `conditions` what it ran on
evaluate    how well a model predicts a text
generate    text made by a model
"""
