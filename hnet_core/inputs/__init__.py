"""Files that people bring: FASTA and annotations as plain records, without tables."""
