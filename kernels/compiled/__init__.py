"""The Triton kernels, compiled ahead of time for GPUs that need not be there: what each takes of a processor."""
