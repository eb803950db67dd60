"""Reader studies: answers of readers and of the algorithm, and how well they agree."""
