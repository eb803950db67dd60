"""From a cohort's image or clip to frames, and from a frame to the pixels that a network takes."""
