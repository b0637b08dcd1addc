"""Run pytest with packages of a folder behind the environment's own: export.py FOLDER [PYTEST OPTION...]"""

import sys

sys.path.append(sys.argv[1])

import pytest  # noqa: E402

sys.exit(pytest.main(sys.argv[2:]))
