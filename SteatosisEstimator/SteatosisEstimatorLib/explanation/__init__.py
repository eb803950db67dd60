"""What a network looked at: maps over the source image."""
