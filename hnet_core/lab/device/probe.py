"""What the device is and what it can do: its name, versions, the rate of a copy and of a large bf16 product."""

import argparse
import sys
from pathlib import Path

import torch

from hnet_core.lab.device.steps import write_json
from kernels.bench.measure import machine, rates


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    args = parser.parse_args(argv)
    found = machine(args.device)
    if args.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found |= {
            "capability": f"{properties.major}.{properties.minor}",
            "memory_bytes": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "bf16": properties.major >= 8,
        }
    write_json(args.out, found)
    limit = rates(args.device)
    found |= {"copied_bytes_a_second": limit.copied_bytes, "matmul_flops_a_second": limit.matmul_flops}
    write_json(args.out, found)
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
