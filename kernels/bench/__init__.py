"""How fast each kernel is, beside the floor that the machine sets, plain torch, and the published kernels."""
