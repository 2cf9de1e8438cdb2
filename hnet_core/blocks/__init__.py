"""What stands between two residual additions: the kinds of blocks, and stacks of them."""
