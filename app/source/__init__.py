"""What a person brings, on every tab: the input panel, the run and its Stop, the notes beside controls."""
