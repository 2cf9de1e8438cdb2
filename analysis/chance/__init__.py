"""What a number would be by chance: shifted boundaries, p-values, ranks."""
