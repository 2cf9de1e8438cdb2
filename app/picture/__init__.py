"""Analyses -> the segment viewer."""
