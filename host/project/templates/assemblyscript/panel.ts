import { lamp } from "./names"; // the lines of panel.toml

let blinking: bool = false;
let pressed: u32 = 0;

/** Begins and ends the blinking. A host can call it. */
export function blink(on: bool): void {
  blinking = on;
  if (!on) lamp.set(false);
}

/** How often the button was pressed. */
export function presses(): u32 {
  return pressed;
}

/** panel.toml says on which edge of the button this is called. */
export function on_press(): void {
  pressed++;
  blink(!blinking);
}

/** Called twice a second. */
export function on_tick(): void {
  if (blinking) lamp.toggle();
}
