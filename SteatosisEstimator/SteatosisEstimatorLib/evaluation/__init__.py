"""How good a recipe is on a cohort: out-of-fold predictions, the metrics of its paper, a report."""
