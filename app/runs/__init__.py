"""Runs: what was kept; open, compare, delete."""
