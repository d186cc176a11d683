#!/usr/bin/env bash
# set_up.sh PYTHON FOLDER: an environment for each list of pins beside this file; all else they share with PYTHON, torch above all.
set -euo pipefail
python=$1 folder=$2
for pins in "$(dirname "$0")"/*.txt; do
    environment=$folder/$(basename "$pins" .txt)
    rm -rf "$environment"
    "$python" -m venv --without-pip "$environment"
    packages=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$python" -m pip install --quiet --no-deps --target "$packages" --requirement "$pins"
    "$python" -c 'import sys; print("\n".join(p for p in sys.path if p.endswith("site-packages")))' > "$packages/shared.pth"
done
