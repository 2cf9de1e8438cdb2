"""Two or more segmentations -> how alike they are, and how alike chance would make them."""
