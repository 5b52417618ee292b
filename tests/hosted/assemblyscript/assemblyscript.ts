// A panel with AssemblyScript's own runtime at its default flags: its collector works in the module's memory.
import { gpio } from "../../../guests/assemblyscript/xmap";

const LAMP: i32 = 17;
let presses: string[] = [];

export function lamp_set(on: bool): void {
  gpio.set(LAMP, on);
  trace(on ? "lamp on" : "lamp off");
}

export function press(): i32 {
  presses.push("press " + (presses.length + 1).toString());
  trace(presses[presses.length - 1], 2, presses.length, presses.length / 4.0);
  return presses.length;
}

/** Makes garbage, far more than the memory has. */
export function churn(rounds: i32): i32 {
  let length = 0;
  for (let i = 0; i < rounds; i++) {
    let text = "round " + i.toString();
    for (let k = 0; k < 5; k++) text += text;
    length += text.length;
  }
  return length;
}

export function length(n: i32): i32 {
  return presses[n].length;
}
