"""Experiments with models: what is trained, measured and written down. Nothing else imports it."""
