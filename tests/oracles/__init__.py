"""Independent answers: nothing here shares code with what it checks."""
