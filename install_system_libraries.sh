#!/bin/sh
# The system libraries that Qt and a virtual screen need on Debian and Ubuntu. Does nothing where they are there already,
# or on systems without apt; where apt may not be used, prints the exact line to run.
set -eu

packages="xvfb xauth libdbus-1-3 libegl1 libfontconfig1 fonts-dejavu-core libgl1 libglib2.0-0 libxcb-cursor0 libxcb-icccm4 \
libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxkbcommon-x11-0"

command -v dpkg-query >/dev/null 2>&1 || exit 0

missing=""
for package in $packages; do
    # Newer releases carry some of them under a name with a t64 suffix.
    dpkg-query -W -f '${Status}\n' "$package" "${package}t64" 2>/dev/null | grep -q 'install ok installed' \
        || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo apt-get update -qq
    sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "Qt needs system libraries that are missing here. Please run, then try again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
    # Not fatal: a window may work without some of them, and the command line always does.
fi
