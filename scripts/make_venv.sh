#!/bin/sh
# Make the virtual environment $1 with $PYTHON, or with the newest Python from 3.11 to 3.14 that can make one.
set -eu

# What a Python can do for us; in words that Python 3.6 understands too.
probe='
import platform, sys
version = platform.python_version()
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    print("Python %s is none of 3.11 to 3.14, for which the pins are made" % version)
elif (platform.system(), platform.machine()) not in (
    ("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")
):
    print("there is no PyTorch for Python %s on %s %s" % (version, platform.system(), platform.machine()))
elif platform.system() == "Linux" and platform.libc_ver()[0] != "glibc":
    print("there is no PyTorch for Python %s on Linux without glibc" % version)
else:
    try:
        import ensurepip, venv
        print("ok " + version)
    except ImportError:
        print("Python %s has no venv module (Debian and Ubuntu: apt install python%d.%d-venv)"
              % ((version,) + sys.version_info[:2]))
'

folder=$1
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3.14 python3.13 python3.12 python3.11 python3
fi
reason=''
for python in "$@"; do
    said=$("$python" -c "$probe" 2>/dev/null) || continue
    case $said in
        'ok '*)
            echo "Python ${said#ok }: $(command -v "$python")"
            rm -rf "$folder"
            "$python" -m venv "$folder" && exit 0
            rm -rf "$folder"
            said="Python ${said#ok } could not make a virtual environment" ;;
    esac
    [ -n "$reason" ] || reason=$said
done
echo "error: ${reason:-no Python 3 was found${PYTHON:+ as $PYTHON}}. Remedy: install Python 3.11 to 3.14 and its" \
    "venv module, or name one that is there: make PYTHON=/path/to/python3.13" >&2
exit 1
