"""Networks and their training, written in torch; import it inside functions."""
