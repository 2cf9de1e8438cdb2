"""Run by torchrun: trainings of two processes, one after the other, each with the arguments of one line of a file."""

import json
import sys
from pathlib import Path

from hnet_core.training.__main__ import _parser, _train
from hnet_core.training.distributed import processes
from kernels import backend

if __name__ == "__main__":
    with processes("cpu") as group:
        for arguments in json.loads(Path(sys.argv[1]).read_text()):
            with backend.using("reference" if "fsdp" in arguments else "auto"):
                code = _train(_parser().parse_args(arguments), group)
            if code:
                sys.exit(code)
