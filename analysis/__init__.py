"""Boundaries -> tables, comparisons and files. Arrays and tables in, tables out; knows no web page."""
