#!/bin/sh
# try_wheel.sh FOLDER: the wheel of a folder in an empty environment without a compiler, as a new user has it, from
# another folder than the checkout: manifest, help, every public name, the demo, and the quick tests of the sdist
# beside it. What these tests import is the wheel.
set -eu

folder=$(cd "$1" && pwd)
wheel=$(ls "$folder"/*.whl)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CC=/bin/false CXX=/bin/false PIP_ONLY_BINARY=:all: NAPARI_CONFIG=
unset PYTHONPATH PYTHONHOME || true

"${PYTHON:-python3}" -m venv "$work/env"
PATH="$work/env/bin:$PATH"
cd "$work"
pip install --quiet "$wheel[pyqt5,offline]"
pip check
npe2 validate alignedcut_viewer
alignedcut --version
alignedcut --help >/dev/null
python -c "import alignedcut_viewer as a; [getattr(a, name) for name in a.__all__]"
alignedcut demo --no-window
test -s alignedcut-demo/mosaic.png
alignedcut check alignedcut-demo/study

pip install --quiet "$wheel[pyqt5,offline,test]"
mkdir sdist
tar xzf "$folder"/*.tar.gz -C sdist --strip-components 1
cd sdist
# The package that lies beside the tests comes after the one that is installed.
PYTHONPATH=$(python -c "import sysconfig; print(sysconfig.get_path('purelib'))"):$PWD
export PYTHONPATH PYTHONSAFEPATH=1
python -c "import alignedcut_viewer as a, sysconfig; assert a.__file__.startswith(sysconfig.get_path('purelib'))"
python -m pytest -q -m "quick and not gui" -p no:cacheprovider
