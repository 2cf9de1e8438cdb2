"""One person's running work: its number, its turn, what it says when it fails."""
