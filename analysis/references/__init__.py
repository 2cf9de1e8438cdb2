"""A name -> what cuts: a trained model, or a rule that stands beside it."""
