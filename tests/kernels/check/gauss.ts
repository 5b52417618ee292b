// Determinants of matrices of 8 x 8 f64 by elimination with pivots.

const N: i32 = 8;
const m = memory.data(512);

function get(row: i32, column: i32): f64 {
  return load<f64>(m + (((row << 3) + column) << 3));
}

function set(row: i32, column: i32, value: f64): void {
  store<f64>(m + (((row << 3) + column) << 3), value);
}

function determinant(): f64 {
  let product: f64 = 1;
  for (let k = 0; k < N; k++) {
    let pivot = k;
    for (let row = k + 1; row < N; row++) {
      if (Math.abs(get(row, k)) > Math.abs(get(pivot, k))) pivot = row;
    }
    if (get(pivot, k) == 0) return 0;
    if (pivot != k) {
      product = -product;
      for (let column = k; column < N; column++) {
        const held = get(k, column);
        set(k, column, get(pivot, column));
        set(pivot, column, held);
      }
    }
    product *= get(k, k);
    for (let row = k + 1; row < N; row++) {
      const factor = get(row, k) / get(k, k);
      for (let column = k + 1; column < N; column++) set(row, column, get(row, column) - factor * get(k, column));
    }
  }
  return product;
}

export function run(n: u32): u32 {
  let state: u32 = 99;
  let sum: u32 = 0;
  for (let round: u32 = 0; round < n; round++) {
    for (let i = 0; i < N * N; i++) {
      state = state * 1664525 + 1013904223;
      set(i >> 3, i & 7, <f64>(state >> 20) / 1024 - 2);
    }
    sum = sum * 31 + <u32>(reinterpret<u64>(determinant()) >> 20);
  }
  return sum;
}
