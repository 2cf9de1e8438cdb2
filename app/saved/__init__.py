"""Saved runs: what is kept of an analysis, and the button for it."""
