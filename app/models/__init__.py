"""Models: what each was trained on and how far it has come."""
