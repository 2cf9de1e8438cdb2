"""What kind of text an input is, and in which programming language."""
