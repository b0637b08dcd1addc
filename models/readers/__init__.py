"""Readers of weight files that are neither PyTorch's nor a graph: named arrays out of CTranslate2, GGUF and Marian files.

Each takes a path and raises UnsupportedError, naming the file and what is wrong with it, for anything it does not know.
"""
