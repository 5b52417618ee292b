import { Context, Level, Lifecycle, gpio, lifecycle, log } from "./xmap";

export { on_mount, on_tick, on_unmount } from "./xmap";

const LAMP: i32 = 17;

class Hall extends Lifecycle {
  onMount(context: Context): i32 {
    if (context.nowUs < 0) return 1;
    this.handle = 7;
    log(Level.Info, "mounted");
    gpio.set(LAMP, 1);
    return 0;
  }

  onTick(): void {
    if (this.handle == 7) gpio.toggle(LAMP);
  }

  onUnmount(): void {
    if (this.handle == 7) gpio.set(LAMP, 0);
    log(Level.Info, "unmounted");
  }
}

lifecycle(new Hall());
