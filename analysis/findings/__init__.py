"""What the bundled models have learned: tables, and a page of questions whose answers are written from them."""
