"""Small whole files of every kind that people bring, to be damaged."""

import gzip
import lzma
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AWKWARD = ROOT / "tests" / "data" / "awkward"
SAMPLES = ROOT / "assets" / "samples"

FASTA = (
    b">one first\nACGTNNACGTRYK\nacgtacgt\n>two\nAUGGCC\n\n;note\nACGT ACGT\n>three\r\nACG\r\n",
    b"\xef\xbb\xbf>one\rACGT\rAC\r>one2\r\rGG",
    b">empty\n>full\nACGT",
)
GFF = (
    b"##gff-version 3\n##sequence-region one 1 90\n"
    b"one\tx\tregion\t1\t90\t.\t+\t.\tID=one;Is_circular=true\n"
    b"one\tx\tgene\t5\t40\t.\t+\t.\tID=g1;Name=abc%2Cd\n"
    b"one\tx\tmRNA\t5\t40\t.\t+\t.\tID=t1;Parent=g1\n"
    b"one\tx\texon\t5\t14\t.\t+\t.\tID=e1;Parent=t1\none\tx\texon\t20\t40\t.\t+\t.\tParent=t1\n"
    b"one\tx\tCDS\t5\t14\t.\t+\t0\tID=c1;Parent=t1;protein_id=P1\none\tx\tCDS\t20\t36\t.\t+\t2\tID=c1;Parent=t1\n"
    b"one\tx\tCDS\t80\t100\t.\t-\t0\tID=c2;exception=trans-splicing;part=1/2;partial=true;start_range=.,80\n"
    b"one\tx\tpseudogene\t60\t70\t0.5\t-\t.\tID=p1;pseudo=true\n##FASTA\n>one\nACGT\n",
    b'one\tx\tgene\t5\t40\t.\t+\t.\tgene_id "G1"; gene_name "abc";\n'
    b'one\tx\ttranscript\t5\t40\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; tag "cds_start_NF";\n'
    b'one\tx\texon\t5\t14\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; exon_number "1";\n'
    b'one\tx\tCDS\t5\t14\t.\t+\t0\tgene_id "G1"; transcript_id "T1"; exon_number "1"; protein_id "P";\n'
    b'one\tx\tstop_codon\t38\t40\t.\t+\t0\tgene_id "G1"; transcript_id "T1"; exon_number 2;\n'
    b'one\tx\tUTR\t15\t40\t.\t+\t.\tgene_id "G1"; transcript_id "T1";\n',
    b"one\tx\tCDS\t5\t14\t.\t+\t0\tTranscript abc ; gene xyz\none\tx\tgene\t5\t40\t.\t-\t.\tname\n",
)
BED = (
    b'track name="x"\none\t4\t40\tabc\t100\t+\none\t50\t60\n',
    b"one\t4\t90\tabc\t0\t-\t10\t80\t0\t3\t10,20,5,\t0,30,81,\n",
    b"one 4 90 abc 0 + 10 80 0 2 10,20 0,66 abc2 cmpl incmpl 0,1 type g g2 t\n",
)
GENBANK = (
    b"LOCUS       PLASMID                  60 bp    DNA     circular UNA 01-JAN-2020\n"
    b"DEFINITION  a plasmid.\nACCESSION   PLASMID\nVERSION     PLASMID.1\n"
    b'FEATURES             Location/Qualifiers\n     source          1..60\n                     /organism="x"\n'
    b'     gene            complement(<5..>40)\n                     /gene="abc"\n'
    b'     CDS             join(50..60,1..7)\n                     /gene="abc"\n'
    b'                     /codon_start=2\n                     /locus_tag="L_1"\n'
    b"     CDS             order(complement(10..12),J00194.1:100..202,20..23)\n"
    b'                     /note="over\n                     two lines"\n                     /pseudo\n'
    b"ORIGIN\n        1 acgtacgtac acgtacgtac acgtacgtac acgtacgtac acgtacgtac acgtacgtac\n//\n",
)
CONLLU = (
    b"# newdoc id = d1\n# newpar\n# text = Can't go\n"
    b"1-2\tCan't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tCa\tcan\tAUX\t_\t_\t3\taux\t_\t_\n2\tn't\tnot\tPART\t_\t_\t3\tadv\t_\t_\n"
    b"3\tgo\tgo\tVERB\t_\t_\t0\troot\t_\tSpaceAfter=No\n3.1\tx\tx\t_\t_\t_\t_\t_\t_\t_\n"
    b"4\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\tSpacesAfter=\\s\\n|NewPar=Yes\n\n"
    b"# newdoc id = d2\n1\t10\xc2\xa0000\t_\tNUM\t_\t_\t0\troot\t_\tSpacesInToken=10\\u00A0000|SpacesBefore=\\t\n\n",
)
JSON_LINES = (b'{"text": "one"}\n\n{"text": "\\u00e4\\ud83d\\ude00", "id": 1}\n{"text": ""}\n',)
TEXT = (
    "The cat sat on the mat.\nDie Käse größer. 道可道非常道 😀 \u200b".encode(),
    b"def f(x):\n    '''doc'''\n    return [x, 1.5e3] # end\n",
    (AWKWARD / "invalid_utf8.txt").read_bytes(),
    (AWKWARD / "broken_syntax.py").read_bytes(),
)
PACKED = (
    gzip.compress(FASTA[0]) + gzip.compress(FASTA[2]),
    lzma.compress(FASTA[0]) + bytes(8) + lzma.compress(FASTA[2]),
    gzip.compress(TEXT[0]),
)
