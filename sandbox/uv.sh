#!/bin/sh
# Runs uv: the one on PATH when new enough to read uv.lock, else the one in uv.txt from PyPI, by hash,
# kept in the user's cache.
set -eu

files=$(dirname "$0")/uv.txt
wanted=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' "$files")
oldest=0.9

if found=$(uv --version 2>/dev/null); then
    version=${found#uv }
    version=${version%% *}
    first=$(printf '%s\n' "$oldest" "$version" | sort -V | head -n 1)
    [ "$first" = "$oldest" ] && exec uv "$@"
fi

folder=${XDG_CACHE_HOME:-$HOME/.cache}/tenant-nats/uv-$wanted
if [ ! -x "$folder/bin/uv" ]; then
    echo "• fetching uv $wanted from PyPI" >&2
    mkdir -p "$(dirname "$folder")"
    partial=$(mktemp -d "$folder.XXXXXX")
    # Without --only-binary pip would build the source where no wheel has the hash, with packages
    # that nothing pins.
    if ! PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes --only-binary :all: --target "$partial" --requirement "$files"; then
        rm -rf "$partial"
        echo "failed: uv $wanted could not be fetched, or has another hash than in $files;" \
            "install uv (https://docs.astral.sh/uv), or a python3 with pip that reaches PyPI, and run" \
            "the same command again." >&2
        exit 1
    fi
    # Two at once: the second one finds the folder there, and its own is not needed.
    mv -T "$partial" "$folder" 2>/dev/null || rm -rf "$partial"
fi
PATH="$folder/bin:$PATH" exec "$folder/bin/uv" "$@" # the engine looks for uv on PATH
