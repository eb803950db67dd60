"""``vgg19-clkl``: pretrained VGG19 on liver and kidney-liver images (Kim et al. 2021)."""
