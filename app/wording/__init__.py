"""How the page writes numbers, bytes and sentences."""
