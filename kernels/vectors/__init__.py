"""What the scan is built on: wide vectors of float32 that Numba keeps in registers, tensors as strided tracks."""
