import { gpio, log, Level } from "./xmap";

const LAMP: i32 = 17;
let presses: u32 = 0;

export function lamp_set(on: bool): void {
  gpio.set(LAMP, on);
}

export function on_press(): void {
  presses++;
  gpio.toggle(LAMP);
  log(Level.Info, "button");
}
