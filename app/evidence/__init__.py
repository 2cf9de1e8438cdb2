"""What stands under any picture: the chunk table, files, plots, the dictionary."""
