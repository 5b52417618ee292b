#!/bin/sh
# Rebuilds the .wasm of every panel from its source, with the compilers that made the committed
# ones; `build.sh NAME...` rebuilds only these. Same compilers, same bytes: after a run,
# `git diff --stat tests/panels` is empty.
#
#   compiler        version            comes from
#   clang, wasm-ld  19.1.7             Debian packages clang-19 and lld-19
#   Rust            1.95.0             rust-toolchain.toml; rustup target wasm32-unknown-unknown
#   Zig             0.17.0             PyPI package ziglang
#   AssemblyScript  0.28.20            npm package assemblyscript
#
# Where they are is said by CLANG, WASM_LD, CARGO, ZIG and ASC. Another version may emit other
# bytes, which is no mistake but a change to review: so it is refused unless ANY_VERSION=1.
#
# No module has floats, indirect calls or bulk memory: tests/tests/modules.rs checks that.
set -eu

cd "$(dirname "$0")"
panels=$(pwd)
guests=$(cd ../../guests && pwd)
: "${CLANG:=clang-19}" "${WASM_LD:=wasm-ld-19}" "${CARGO:=cargo}" "${ASC:=asc}"
: "${ZIG:=python3 -m ziglang}"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# version COMMAND WANTED: refuses another version than the pinned one.
version() {
    found=$($1 2>&1 | head -n 1)
    case $found in
    *"$2"*) ;;
    *)
        echo "build.sh: '$1' says '$found', wanted $2" >&2
        [ "${ANY_VERSION:-}" = 1 ] || exit 1
        ;;
    esac
}

# c PANEL SOURCE FLAGS...: compiles and links in two steps. MVP means: no bulk memory, no sign
# extension, no reference types; a small stack, one page of memory, and no libc.
# Variables whose addresses a panel keeps its state by are exported: EXPORTS="--export=NAME ...".
c() {
    panel=$1 source=$2
    shift 2
    version "$CLANG --version" 19.1.7
    version "$WASM_LD --version" 19.1.7
    # Debug information names files relative to the repository and to clang, wherever they are.
    "$CLANG" --target=wasm32-unknown-unknown -mcpu=mvp -std=c17 -Wall -Wextra -Werror \
        -ffreestanding -nostdlib -fdebug-compilation-dir=. -fdebug-prefix-map="$guests=guests" \
        -fdebug-prefix-map="$("$CLANG" -print-resource-dir)=clang" \
        -I "$guests/c" "$@" -c "$panel/$source.c" -o "$scratch/$source.o"
    strip=--strip-all
    case " $* " in *" -g "*) strip= ;; esac
    "$WASM_LD" --no-entry --export-memory --initial-memory=65536 --max-memory=65536 \
        --stack-first -z stack-size=4096 $strip ${EXPORTS:-} "$scratch/$source.o" -o "$panel/$source.wasm"
}

rust() {
    version "$CARGO --version" 1.95.0
    # The MVP's instructions only, and a stack of 4 KiB in one page. The compiler's own crates are
    # built for newer instructions, but nothing of theirs that uses them is linked in.
    (cd "$1" && CARGO_TARGET_DIR="$scratch/target" RUSTFLAGS="-C target-cpu=mvp \
        -C link-arg=-zstack-size=4096 -C link-arg=--initial-memory=65536 \
        -C link-arg=--max-memory=65536 --remap-path-prefix=$panels=panels \
        --remap-path-prefix=$guests=guests" \
        "$CARGO" build --quiet --release --locked --target wasm32-unknown-unknown)
    name=$(basename "$1")
    cp "$scratch/target/wasm32-unknown-unknown/release/$name.wasm" "$1/$name.wasm"
}

zig() {
    version "$ZIG version" 0.17.0
    name=$(basename "$1")
    (cd "$1" && ZIG_GLOBAL_CACHE_DIR="$scratch/zig" ZIG_LOCAL_CACHE_DIR="$scratch/zig" \
        $ZIG build-exe -target wasm32-freestanding -mcpu=mvp -O ReleaseSmall -fstrip \
        -fno-entry -rdynamic --stack 4096 --initial-memory=65536 --max-memory=65536 \
        --dep xmap -Mroot="$name.zig" -Mxmap="$guests/zig/xmap.zig" -femit-bin="$scratch/$name.wasm")
    cp "$scratch/$name.wasm" "$1/$name.wasm"
}

assemblyscript() {
    version "$ASC --version" 0.28.20
    name=$(basename "$1")
    (cd "$1" && "$ASC" "$name.ts" --outFile "$name.wasm" --runtime stub --noAssert -O2 --converge \
        --initialMemory 1 --maximumMemory 1 --disable bulk-memory --disable sign-extension \
        --disable nontrapping-f2i --use abort=)
}

build() {
    case $1 in
    lamp) c lamp lamp -O2 -g ;;
    garden) c garden garden -Os ;;
    keypad) c keypad keypad -Oz ;;
    demo) c demo stairwell -O2 -g ;;
    hall64) c hall64 hall64 -Os ;;
    shift595 | ../buses/clock) zig "$1" ;;
    stairs)
        EXPORTS=--export=presses
        c stairs stairs -Os
        EXPORTS= ;;
    ../buses/thermostat) c ../buses/thermostat thermostat -Os ;;
    ../buses/level) c ../buses/level level -Os ;;
    ../buses/flash) c ../buses/flash flash -Os ;;
    ../buses/chips) c ../buses/chips chips -Os ;;
    stepper | modbus | pump | ../buses/settings | ../buses/dimmer | ../buses/meter | \
        ../buses/chips_rust | ../buses/display) rust "$1" ;;
    traffic | ../buses/leds) assemblyscript "$1" ;;
    *)
        echo "build.sh: no panel '$1' is compiled" >&2
        exit 2
        ;;
    esac
}

all=
[ $# -gt 0 ] || all=1
[ $# -gt 0 ] || set -- lamp keypad demo hall64 shift595 stepper modbus traffic stairs pump garden \
    ../buses/thermostat ../buses/settings ../buses/level ../buses/flash ../buses/dimmer ../buses/meter \
    ../buses/chips ../buses/chips_rust ../buses/clock ../buses/leds ../buses/display
for panel; do
    build "$panel"
    chmod 644 "$panel"/*.wasm
    wc -c "$panel"/*.wasm
done

# What tests/tests/sizes.rs holds the images against, where wasm-opt is at hand (npm package binaryen).
if [ -n "$all" ] && command -v "${WASM_OPT:=wasm-opt}" >/dev/null 2>&1; then
    version "$WASM_OPT --version" 132
    {
        echo "# Bytes of each panel's module after \`wasm-opt -Oz --strip-debug --strip-producers --all-features\`"
        echo "# (binaryen 132, npm package binaryen). build.sh writes it; tests/tests/sizes.rs reads it."
        for manifest in */panel.toml; do
            panel=$(dirname "$manifest")
            module=$(sed -n 's/^wasm *= *"\(.*\)".*/\1/p' "$manifest")
            "$WASM_OPT" -Oz --strip-debug --strip-producers --all-features "$panel/$module" -o "$scratch/oz.wasm"
            echo "$panel = $(wc -c <"$scratch/oz.wasm" | tr -d ' ')"
        done
    } >oz.toml
fi
