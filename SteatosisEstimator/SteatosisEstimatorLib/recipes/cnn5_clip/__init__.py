"""``cnn5-clip``: five convolutions on every frame of a clip, one branch or two (Colantonio et al. 2021)."""
