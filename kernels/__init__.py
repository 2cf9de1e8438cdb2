"""Sequence operators: tensors in, tensors out; each a torch reference and faster kernels that compute the same."""
