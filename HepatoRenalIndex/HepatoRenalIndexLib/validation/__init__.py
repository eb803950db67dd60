"""How good the measurement is: on outlined and biopsied images, on phantoms, and on the clock."""
