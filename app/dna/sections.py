"""Under the tracks: feature classes, codon phase and profiles, the other strand, and the search for a motif."""

from dataclasses import dataclass
from functools import partial

import gradio as gr

from app.dna import meaning
from app.evidence.layout import download
from app.server.session import Session
from app.source.notes import note
from app.source.run import Run, connect_run, run_buttons
from app.work.quiet import QUIET

GENES_HELP = (
    "Cuts a base in each feature class, and by chance: the same cuts shifted around the record. q is p after "
    "Benjamini-Hochberg, ≤ where p is the least that the shifts can give. R is 0 where cuts fall on all three codon "
    "positions alike and 1 where they fall on one; its chance comes from shifts inside each gene. The profiles count "
    "cuts base by base before and after the first base of start and stop codons, so that a habit of the model at "
    "either shows as a peak at 0."
)
_CLASS_WIDTHS = ["170px", "62px", "105px", "78px", "74px", "92px", "92px", "66px", "58px", "88px"]
"""So that q, which the table is read for, is in sight on a narrow screen."""
STRANDS_HELP = (
    "Jaccard: of the places between two bases where the model cuts on either strand, the share where it cuts on both. "
    "By chance: the same after shifts around the record; p is how often they do as well, ≤ where it is the least that "
    "they can give. It reads the record once more, as its reverse complement."
)
MOTIF_HELP = (
    "Both strands; IUPAC letters, so TTGACNNNNN or box=TATAWT will do. Chunks: the chunks a place lies in, 1 where "
    "no cut falls inside it. By chance: the same cuts shifted around the record; ≤ marks the least p "
    "that 1,000 shifts can give. Places count from 1, the last base included."
)


@dataclass(frozen=True)
class Genes:
    """Feature classes, codon phase and profiles."""

    run: Run
    table: gr.Dataframe
    plots: tuple[gr.Plot, gr.Plot, gr.Plot]
    files: tuple[gr.DownloadButton, gr.DownloadButton, gr.DownloadButton]


@dataclass(frozen=True)
class Strands:
    """Agreement of both strands."""

    run: Run
    table: gr.Dataframe
    file: gr.DownloadButton


@dataclass(frozen=True)
class Motif:
    """The search for a motif; `hits` brings its places to the tracks."""

    text: gr.Textbox
    line: gr.Textbox
    table: gr.Dataframe
    files: tuple[gr.DownloadButton, gr.DownloadButton]
    hits: gr.JSON


@dataclass(frozen=True)
class Meaning:
    """The three sections."""

    genes: Genes
    strands: Strands
    motif: Motif
    problem: gr.Textbox


def build() -> Meaning:
    """Three sections, closed at first."""
    with gr.Accordion("Motif search", open=False, elem_id="dna-motif-section"):
        gr.Markdown(MOTIF_HELP, elem_classes="help")
        text = gr.Textbox(
            label="Motif", placeholder="TATAAT, then Enter", elem_id="dna-motif", lines=1, max_lines=1
        )
        problem = note("dna-motif-note")
        line = note("dna-motif-line", problem=False)
        table = _table("dna-motif-table", "Places of the motif (click a row to go there)", 5)
        with gr.Row(elem_classes="files"):
            files = (
                download("CSV: places shown", "dna-motif-shown"),
                download("CSV: all places", "dna-motif-all"),
            )
        motif = Motif(text, line, table, files, gr.JSON(visible=False))
    with gr.Accordion("Genes and codons", open=False, elem_id="dna-genes-section"):
        gr.Markdown(GENES_HELP, elem_classes="help")
        run = run_buttons("Measure against the annotation", "dna-genes")
        table = _table("dna-genes-table", "Feature classes", _CLASS_WIDTHS)
        with gr.Row(elem_classes="plots"):
            plots = tuple(
                gr.Plot(show_label=False, container=False, min_width=280, elem_id=f"dna-genes-plot-{i}")
                for i in range(3)
            )
        with gr.Row(elem_classes="files"):
            files = (
                download("CSV: rows shown", "dna-genes-shown"),
                download("CSV: every measure", "dna-genes-all"),
                download("CSV: profiles", "dna-genes-profiles"),
            )
        genes = Genes(run, table, plots, files)
    with gr.Accordion("Both strands", open=False, elem_id="dna-strands-section"):
        gr.Markdown(STRANDS_HELP, elem_classes="help")
        run = run_buttons("Read the other strand", "dna-strands")
        table = _table("dna-strands-table", "Agreement of both strands", 6)
        with gr.Row(elem_classes="files"):
            strands = Strands(run, table, download("CSV: every measure", "dna-strands-all"))
    return Meaning(genes, strands, motif, problem)


def _table(name: str, label: str, columns: int | list[str]) -> gr.Dataframe:
    """columns: how many, or how wide each is."""
    widths = None if isinstance(columns, int) else columns
    return gr.Dataframe(
        column_count=len(widths) if widths else columns,
        column_widths=widths,
        interactive=False,
        max_height=300,
        elem_id=name,
        buttons=[],
        label=label,
        show_label=True,
    )


def connect(session: Session, below: Meaning, opened: gr.State, ran) -> None:
    """Bind the sections; what they say of the record before goes when another has been analysed (the event `ran`)."""
    genes, strands, motif = below.genes, below.strands, below.motif
    connect_run(
        genes.run,
        kind="measure",
        fn=partial(meaning.on_genes, session),
        inputs=[opened],
        outputs=[genes.table, *genes.plots, *genes.files],
    )
    connect_run(
        strands.run,
        fn=partial(meaning.on_strands, session),
        inputs=[opened],
        outputs=[strands.table, strands.file],
    )
    found = motif.text.submit(
        partial(meaning.on_motif, session),
        [opened, motif.text],
        [motif.table, motif.line, motif.hits, *motif.files, below.problem],
        show_progress="minimal",
        api_visibility="private",
    )
    mark = "found => { window.hnet.genomes['dna-genome'].mark(found && found.hits); }"
    found.success(None, motif.hits, None, js=mark, **QUIET)
    told = [motif.table, motif.line, below.problem, genes.table, *genes.plots, strands.table]
    files = [*motif.files, *genes.files, strands.file]
    ran.success(partial(meaning.on_other, len(told), len(files)), None, [*told, *files], **QUIET)
