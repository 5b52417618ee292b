import { gpio } from "./xmap";

const LIMITS = memory.data<i32>([10, 20, 30, 40]);

function limit(n: i32): i32 {
  if (n < 0 || n > 3) unreachable();
  return load<i32>(LIMITS + (n << 2));
}

export function turn(n: i32, by: i32): i32 {
  gpio.set(17, n > 2);
  return limit(n) / by;
}

export function item(n: i32): i32 {
  const items: i32[] = [1, 2, 3];
  return items[n];
}
