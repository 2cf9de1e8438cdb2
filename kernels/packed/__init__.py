"""What the Triton kernels share: rows laid end to end, cut into tiles that never cross from one row into the next."""
