"""From a cohort to a trained bundle, and from a bundle to the estimates of subjects."""
