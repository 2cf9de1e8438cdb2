"""Training: documents to packed rows, rows to steps, steps to a model folder. Run as `python -m hnet_core.training`."""
