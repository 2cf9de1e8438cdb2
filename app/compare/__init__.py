"""Compare: several models over one input, and how far they agree."""
