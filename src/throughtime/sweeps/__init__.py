"""Loops over time, written once for any cell."""
