"""``liver-kidney-default``: the signs of a fatty liver beside the right kidney, measured and equally weighted."""
