"""The reader study on disk: what is read, in which order, and every answer, without Slicer."""
