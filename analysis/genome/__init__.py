"""Boundaries and features of a genome -> tables."""
