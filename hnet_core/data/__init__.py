"""What models are trained and scored on: documents, corpora of them, packed rows, tokens."""
