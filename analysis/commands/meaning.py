"""python -m analysis surprisal, dictionary, stability, account: what the boundaries of models are and do."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pandas as pd

from analysis.boundaries.extract import BoundaryModel
from analysis.boundaries.segmentations import Segmentation, cut
from analysis.commands import shared
from analysis.files.export import write_table
from analysis.files.provenance import provenance
from analysis.inputs import sources
from analysis.meaning.dictionary import (
    chunk_types,
    dictionary_table,
    growth_table,
    heaps_exponent,
    overlap_table,
)
from analysis.meaning.stability import stability_table
from analysis.references.models import load_models, load_whole_model
from analysis.references.names import is_reference
from hnet_core.errors import InputError

_NUMBERS = (("seed", 0), ("shifts", 1), ("edits", 1), ("reach", 1), ("context", 2))
"""Options and the least that each may be."""

Made = dict[str, pd.DataFrame]
"""Output path -> what is written there. What makes it takes (args, sequences, models, and what loads a whole model)."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the four commands to the parser."""
    surprisal = _command(commands, "surprisal", "boundaries against the surprise at every byte", _surprisal)
    surprisal.add_argument(
        "--shifts", type=shared.draws, default=1000, help="circular shifts over several records"
    )
    dictionary = _command(commands, "dictionary", "every distinct chunk", _dictionary)
    dictionary.add_argument("--overlap", metavar="FILE", help="a table of what dictionaries share")
    dictionary.add_argument("--growth", metavar="FILE", help="a table of distinct chunks against chunks")
    stability = _command(
        commands, "stability", "what the change of one symbol does to boundaries", _stability
    )
    stability.add_argument(
        "--edits", type=shared.draws, default=200, help="changes of each kind (default 200)"
    )
    stability.add_argument(
        "--reach", type=shared.whole, default=512, help="bytes looked at behind a change (512)"
    )
    stability.add_argument("--curve", metavar="FILE", help="a table of changed boundaries by distance")
    account = _command(commands, "account", "steps and operations a byte, beside draft and verify", _account)
    account.add_argument(
        "--context", type=shared.whole, help="bytes that attention looks back on (default: as trained)"
    )


def _command(
    commands: argparse._SubParsersAction, name: str, text: str, tables: Callable[..., Made]
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, allow_abbrev=False)
    shared.add_inputs(command)
    shared.add_together(command)
    command.add_argument("--seed", type=shared.whole, default=0, help="of what is drawn at random")
    shared.add_common(command)
    command.set_defaults(run=lambda args: _run(args, tables), command=name)
    return command


def _run(args: argparse.Namespace, make: Callable[..., Made]) -> None:
    paths = [getattr(args, name, None) for name in ("out", "overlap", "growth", "curve")]
    shared.check_tables([path for path in paths if path], args.input)
    for name, least in _NUMBERS:
        value = getattr(args, name, None)
        if value is not None and value < least:
            raise InputError(f"--{name} {value} must be {least} or more")
    sequences = shared.read_inputs(args)
    models = load_models(args.model, args.models, thresholds=args.threshold)
    shared.print_warnings(sequences, list(models.values()))
    whole_model = cache(load_whole_model)
    tables = shared.tables_by_file(
        args, sequences, lambda places: make(args, [sequences[i] for i in places], models, whole_model)
    )
    options = {name: getattr(args, name) for name, _ in _NUMBERS if hasattr(args, name)}
    options["threshold"] = shared.threshold_text(args.threshold)
    about = provenance(args.command, sequences, models, options)
    for path, table in tables.items():
        write_table(table, path, about)
    print(f"wrote {', '.join(tables.paths)}")


def _cuts(
    sequences: Sequence[sources.Sequence], models: dict[str, BoundaryModel]
) -> dict[str, list[Segmentation]]:
    """Every stage of every model, under the model's label."""
    with shared.progress_bar(sequences, len(models)) as bar:
        return {
            label: [replace(s, name=label) for s in cut(sequences, model, shared.reporter(bar))]
            for label, model in models.items()
        }


def _surprisal(args: argparse.Namespace, sequences, models, whole_model) -> Made:
    """Each model against its own surprisal; reference segmenters against that of every model."""
    from analysis.meaning.surprisal import surprisal_table, surprisals

    whole = {
        label: whole_model(given, args.models)
        for given, label in zip(args.model, models, strict=True)
        if not is_reference(given)
    }
    if not whole:
        raise InputError("surprisal needs a model that predicts bytes; give one by --model")
    cuts, data, parts = _cuts(sequences, models), [sequence.data for sequence in sequences], []
    with shared.progress_bar(sequences, len(whole)) as bar:
        for label, loaded in whole.items():
            found = surprisals(loaded, data, shared.reporter(bar))
            stages = [stage for name in models if name == label or name not in whole for stage in cuts[name]]
            part = surprisal_table(stages, found, shifts=args.shifts, seed=args.seed)
            part.insert(0, "surprised", pd.Series(label, index=part.index, dtype="str"))
            bits = sum(float(each.bits.sum(dtype="float64")) for each in found) / sum(map(len, data))
            print(f"{label}: {bits:.4f} bits per byte")
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    for row in table[table["lag"] == 0].itertuples():
        print(
            f"{row.model} stage {row.stage}, surprisal of {row.surprised}: {row.bits_at_boundary:.3f} bits at "
            f"boundaries, {row.bits_elsewhere:.3f} elsewhere, AUROC {row.auroc:.3f}, Spearman {row.spearman:.3f}, "
            f"z {row.z:.1f}"
        )
    return {args.out: table}


def _dictionary(args: argparse.Namespace, sequences, models, _) -> Made:
    stages = [stage for each in _cuts(sequences, models).values() for stage in each]
    tables, growth, types = [], [], {}
    for stage in stages:
        name = f"{stage.name} stage {stage.stage}"
        types[name] = chunk_types(sequences, stage)
        tables.append(_headed(dictionary_table(sequences, stage), stage))
        growth.append(_headed(growth_table(types[name]), stage))
        print(
            f"{name}: {len(types[name].contents)} distinct of {len(types[name].code)} chunks, "
            f"Heaps exponent {heaps_exponent(growth[-1]):.3f}"
        )
    out = {args.out: pd.concat(tables, ignore_index=True)}
    if args.growth:
        out[args.growth] = pd.concat(growth, ignore_index=True)
    if args.overlap:
        out[args.overlap] = overlap_table(types)
    return out


def _stability(args: argparse.Namespace, sequences, models, _) -> Made:
    data = [sequence.data for sequence in sequences]
    tables, curves = [], []
    for label, model in models.items():
        table, curve = stability_table(data, model, edits=args.edits, reach=args.reach, seed=args.seed)
        tables.append(table.assign(model=label).astype({"model": "str"}))
        curves.append(curve.assign(model=label).astype({"model": "str"}))
        for row in tables[-1].itertuples():
            print(
                f"{label} stage {row.stage}, {row.kind}: Jaccard {row.jaccard:.3f} (chance {row.jaccard_chance:.3f}), "
                f"{row.unchanged:.0%} change nothing, back within {row.distance_median:.0f} bytes (median), "
                f"{row.distance_90:.0f} (9 of 10)"
            )
    out = {args.out: pd.concat(tables, ignore_index=True)}
    if args.curve:
        out[args.curve] = pd.concat(curves, ignore_index=True)
    return out


def _account(args: argparse.Namespace, sequences, models, _) -> Made:
    from analysis.meaning.account import account_table, measured_rates

    cuts, parts = _cuts(sequences, models), []
    for given, (label, model) in zip(args.model, models.items(), strict=True):
        if is_reference(given):
            raise InputError(f"{given} has no networks to account for; give models")
        context = args.context or model.info.get("row_bytes", 8192)
        table = account_table(model.config, measured_rates(cuts[label]), context)
        table.insert(0, "model", pd.Series(label, index=table.index, dtype="str"))
        parts.append(table)
        own, dense = table.iloc[0], table.iloc[1]
        print(
            f"{label}: {own.main_steps_per_byte:.3f} main steps a byte, {own.flops_per_byte:,.0f} FLOPs a byte; "
            f"the main network at every byte takes {dense.flops_per_byte / own.flops_per_byte:.2f} times as many"
        )
    return {args.out: pd.concat(parts, ignore_index=True)}


def _headed(table: pd.DataFrame, stage: Segmentation) -> pd.DataFrame:
    table = table.copy(deep=False)
    table.insert(0, "model", pd.Series(stage.name, index=table.index, dtype="str"))
    table.insert(1, "stage", pd.Series(stage.stage, index=table.index, dtype="int16"))
    return table
