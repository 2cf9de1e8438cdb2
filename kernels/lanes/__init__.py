"""What the streaming CPU kernels share: a register of float32 lanes, and blocks of rows over threads."""
