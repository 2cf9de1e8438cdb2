"""What the streaming CPU kernels share: sixteen float32 lanes, and blocks of rows over threads."""
