"""The model zoo: pinned registry packages in, `.pte` files, sample media and a reference to check against out.

Run `python -m models --help` from the repository root; README.md beside this file explains what it makes.
"""
