"""What is measured on a frame that shows liver and right kidney: contrast, attenuation, deep border, vessels."""
