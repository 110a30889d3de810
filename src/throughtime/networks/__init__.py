"""Layers and models made of cells."""
