"""One command for a short loan of a GPU: prove the kernels there, measure them, train models with what time is left."""
