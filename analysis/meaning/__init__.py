"""Boundaries and what they hold -> tables: surprisal, chunk types, stability, cost."""
