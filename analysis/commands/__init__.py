"""python -m analysis: one module a command, or a family of commands."""
