"""``resnet50-sparse``: sparse linear models on ResNet-50 features of four views (Byra et al. 2021)."""
