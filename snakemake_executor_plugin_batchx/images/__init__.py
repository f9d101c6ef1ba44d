"""Container images: what a reference means and where the image is."""
