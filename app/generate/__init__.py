"""Generate: a model continues a prompt."""
