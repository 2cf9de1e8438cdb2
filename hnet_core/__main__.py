"""python -m hnet_core: which commands there are."""

import sys

COMMANDS = {
    "training": "train a model: --config RECIPE.json --data PATH... --out DIR",
    "evaluate": "bits per byte, bytes a chunk, where boundaries fall: --model NAME --data PATH",
    "generate": "continue a text: --model NAME --prompt TEXT",
    "convert": "a published checkpoint into a model folder: CHECKPOINT CONFIG.json OUT_DIR",
    "verify": "compare a model with golden numbers: DIR...",
    "flops": "what a byte costs: --model NAME, or --config RECIPE.json",
    "lab.results": "write docs/results.md and docs/sweeps.md from finished trainings",
    "lab.train_families": "train, measure and bundle families of models: FAMILY --data DIR",
    "lab.sweep": "train and measure all arms of a sweep: NAME --data DIR",
    "lab.device": "prove, measure and train on a CUDA device in a few minutes: --minutes N --out DIR --data DIR",
}


def main(argv: list[str] | None = None) -> int:
    """0: the list was asked for; 2: something else was."""
    given = sys.argv[1:] if argv is None else argv
    if given and given[0] not in ("-h", "--help"):
        meant = f"did you mean python -m hnet_core.{given[0]}" if given[0] in COMMANDS else "call it alone"
        print(
            f"error: python -m hnet_core lists the commands and takes no {given[0]!r}; {meant}",
            file=sys.stderr,
        )
        return 2
    print("Commands of the model itself; each says more with --help:\n")
    for name, words in COMMANDS.items():
        print(f"  python -m hnet_core.{name:24} {words}")
    print("\nBoundaries as tables: python -m analysis. The page: python -m app.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
