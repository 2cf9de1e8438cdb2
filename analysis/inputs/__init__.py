"""What a person brings -> sequences, features, gold words."""
