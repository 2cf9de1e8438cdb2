"""One module a tab: its components, and which handler each of them calls."""
