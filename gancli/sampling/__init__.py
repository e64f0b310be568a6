"""Use a trained generator: load it, draw samples, walk its latent space, translate pictures."""
