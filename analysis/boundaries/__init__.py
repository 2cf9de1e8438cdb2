"""Sequences and a model -> where it cuts: positions, chunks, segmentations."""
