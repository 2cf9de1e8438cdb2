"""H-Net: bytes in, logits and chunk boundaries out (dynamic chunking, arXiv 2507.07955)."""
