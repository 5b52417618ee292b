// Conway's life on a torus of 32 x 32 cells, one byte each.

const SIZE: i32 = 32;
const cells = memory.data(1024);
const nexts = memory.data(1024);

function at(base: usize, x: i32, y: i32): i32 {
  return load<u8>(base + (((y & 31) << 5) | (x & 31)));
}

function step(from: usize, to: usize): void {
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      let count = 0;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          if (dx != 0 || dy != 0) count += at(from, x + dx, y + dy);
        }
      }
      const alive = at(from, x, y);
      store<u8>(to + ((y << 5) | x), (count == 3 || (alive && count == 2)) ? 1 : 0);
    }
  }
}

export function run(n: u32): u32 {
  let state: u32 = 42;
  for (let i: usize = 0; i < 1024; i++) {
    state = state * 1664525 + 1013904223;
    store<u8>(cells + i, state >> 30 == 0 ? 1 : 0);
  }
  let sum: u32 = 0;
  for (let round: u32 = 0; round < n; round++) {
    step(cells, nexts);
    step(nexts, cells);
    for (let i: usize = 0; i < 1024; i++) sum = sum * 3 + load<u8>(cells + i);
  }
  return sum;
}
