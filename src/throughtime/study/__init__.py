"""Experiments on long dependencies: trials of tasks, and studies that are grids of them."""
