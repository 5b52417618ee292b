#include "xmap.h"

enum { LAMP = 17, BUTTON = 27 };
static uint32_t presses;

XMAP_EXPORT(lamp_set) void lamp_set(bool on) { xmap_gpio_set(LAMP, on); }

XMAP_EXPORT(on_press) void on_press(void) {
    presses++;
    xmap_gpio_toggle(LAMP);
    XMAP_LOG(XMAP_INFO, "button");
}
