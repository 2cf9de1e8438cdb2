"""Tables -> files and saved runs, and back."""
