"""Bytes to model input. The vocabulary is the 256 byte values; two that UTF-8 never uses serve as markers."""

import numpy as np

VOCAB_SIZE = 256
BOS = 254
EOS = 255


def encode(data: bytes, *, bos: bool = True, eos: bool = False) -> np.ndarray:
    """Byte values of `data`, between the start marker and the end marker where asked for.

    returns  (n,) uint8, n = len(data) + bos + eos
    """
    head = bytes([BOS]) if bos else b""
    tail = bytes([EOS]) if eos else b""
    return np.frombuffer(head + data + tail, dtype=np.uint8)
