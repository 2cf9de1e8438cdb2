"""What a text means where a boundary falls: words, characters, tokens of code, codons."""
