#!/usr/bin/env bash
# Run `make run` and `make test` as a new user would: on a fresh Debian 13 in a folder, in a clean clone of HEAD,
# with PyTorch as the package index has it. The folder FRESH_DIR keeps the system for the next time, and the logs.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "a fresh Debian is made by root alone"
command -v apt-get >/dev/null || skip "a fresh Debian is made on Debian and Ubuntu alone"
unshare --mount true 2>/dev/null || skip "nothing can be mounted here"

folder=${FRESH_DIR:-$HOME/.cache/ner-fresh}
system=$folder/debian-13
mkdir -p "$folder"
if [ ! -d "$system" ]; then
    command -v debootstrap >/dev/null ||
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap; }
    # This machine's own mirror of Debian, if it has one.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1) ||
        mirror=http://deb.debian.org/debian
    rm -rf "$system.part"
    debootstrap --variant=minbase --include=ca-certificates,git,make,python3,python3-venv \
        trixie "$system.part" "$mirror"
    mv "$system.part" "$system"
fi

# As this machine reaches the package index: its name servers, certificates, proxies and index; no local wheels.
cp -L /etc/resolv.conf "$system/etc/resolv.conf"
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -f "$certificates" ] || cp "$certificates" "$system$certificates"
settings=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL; do
    [ -z "${!name:-}" ] || settings+=("$name=${!name}")
done
rm -rf "$system/root/project"
git clone --quiet --no-hardlinks . "$system/root/project"
git -C "$system/root/project" checkout --quiet --detach "$(git rev-parse HEAD)"

status=0
for target in ${TARGETS:-run test}; do
    started=$(date +%s)
    unshare --mount sh -c 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && shift 1 && exec "$@"' \
        sh "$system" chroot "$system" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
        PIP_CERT="$certificates" SSL_CERT_FILE="$certificates" REQUESTS_CA_BUNDLE="$certificates" \
        ${settings[@]+"${settings[@]}"} \
        make -C /root/project TORCH="${TORCH:-index}" "$target" 2>&1 | tee "$folder/$target.log" || status=1
    echo "fresh: make $target took $(($(date +%s) - started)) seconds, status so far $status; $folder/$target.log"
done
chroot "$system" /root/project/.venv/bin/python -c \
    'import platform, torch; print("fresh: Python", platform.python_version(), "torch", torch.__version__)'
for target in ${TARGETS:-run test}; do
    echo "fresh: last lines of make $target:"
    tail -n 10 "$folder/$target.log"
done
exit "$status"
