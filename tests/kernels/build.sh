#!/bin/sh
# Rebuilds the .wasm of every kernel from its source, each compiler at its usual flags; `build.sh NAME...`
# rebuilds only these. Versions and where they come from: tests/hosted/build.sh.
set -eu

cd "$(dirname "$0")"
: "${CLANG:=clang-19}" "${WASM_LD:=wasm-ld-19}" "${RUSTC:=rustc}" "${ASC:=asc}" "${ZIG:=python3 -m ziglang}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() {
    out=${1%.*}.wasm
    case $1 in
    *.c)
        "$CLANG" --target=wasm32 -O2 -Wall -Werror -nostdlib -ffreestanding -I . -c "$1" -o "$scratch/kernel.o"
        "$WASM_LD" --no-entry --strip-all -z stack-size=4096 "$scratch/kernel.o" -o "$out"
        ;;
    *.rs)
        "$RUSTC" --edition 2024 --target wasm32-unknown-unknown -O -C panic=abort -C strip=symbols \
            --crate-type cdylib -C link-arg=-zstack-size=8192 --remap-path-prefix="$(pwd)=kernels" "$1" -o "$out"
        ;;
    *.zig)
        ZIG_GLOBAL_CACHE_DIR="$scratch/zig" ZIG_LOCAL_CACHE_DIR="$scratch/zig" $ZIG build-exe \
            -target wasm32-freestanding -O ReleaseFast -fno-entry -rdynamic --stack 4096 -fstrip \
            "-Mroot=$1" "-femit-bin=$scratch/kernel.wasm"
        cp "$scratch/kernel.wasm" "$out"
        ;;
    *.ts) "$ASC" "$1" --outFile "$out" --runtime stub --noAssert -O3 ;;
    esac
    chmod 644 "$out"
}

for source in tune/*.* check/*.*; do
    name=$(basename "${source%.*}")
    case $source in *.wasm) continue ;; esac
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    build "$source"
done
