"""Continuing a text: how the next byte is drawn, and many continuations at once."""
