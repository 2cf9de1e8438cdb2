"""What the bundled models found: one section a question, its sentences written from its numbers."""
