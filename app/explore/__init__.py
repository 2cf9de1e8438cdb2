"""Explore: one text, one model."""
