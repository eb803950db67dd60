"""How far an estimate can be trusted: intervals, probabilities, grades, and warnings for unfamiliar images."""
