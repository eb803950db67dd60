"""Who was scanned in which views, with what reference: a CSV becomes a :class:`cohort.Cohort` or sentences of error."""
