"""DNA: records as tracks, the bases below them, and what the cuts have to do with genes."""
