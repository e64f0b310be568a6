"""Train the classic GANs and play with what they learned."""

__version__ = "0.1.0"
