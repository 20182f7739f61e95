#!/usr/bin/env bash
# The simulators that stand beside physim in the benchmarks, in an environment of their own: benchmarks/.peers
# (or the folder given). physim never imports them; the benchmarks start them as processes.
set -euo pipefail
cd "$(dirname "$0")"
folder=${1:-.peers}
python3 -m venv "$folder"
"$folder/bin/pip" install -q --upgrade 'pip>=24'
"$folder/bin/pip" install -q 'itk-rtk==2.7.0.post1' 'astra-toolbox==2.5.0' 'mbirjax==0.7.3' 'numpy>=2,<3'
"$folder/bin/pip" install -q 'blochsim==0.0.14'  # with PyTorch, some GB
"$folder/bin/pip" install -q 'MRzeroCore==1.2.0'
"$folder/bin/python" -c 'import astra, blochsim, itk, mbirjax, MRzeroCore; from itk import RTK; print("peers ready")'
