"""What the running page holds for all visitors: models, samples, limits, results, and its policy."""
