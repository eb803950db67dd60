"""A trained model as a MONAI bundle: written whole, described by a card, loaded without trusting it."""
