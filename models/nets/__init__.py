"""Architectures written out in PyTorch, for weights that come without a graph."""
