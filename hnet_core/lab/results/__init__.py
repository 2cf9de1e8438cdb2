"""docs/results.md: measured figures of trained models, as tables and plots."""
