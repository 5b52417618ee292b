#include "xmap.h"

enum { LAMP = 17 };

static int32_t mount(const struct xmap_context *context, uint32_t *handle) {
    if (context->now_us < 0) return 1;
    *handle = 7;
    XMAP_LOG(XMAP_INFO, "mounted");
    xmap_gpio_set(LAMP, 1);
    return 0;
}

static void tick(uint32_t handle) {
    if (handle == 7) xmap_gpio_toggle(LAMP);
}

static void unmount(uint32_t handle) {
    if (handle == 7) xmap_gpio_set(LAMP, 0);
    XMAP_LOG(XMAP_INFO, "unmounted");
}

XMAP_LIFECYCLE(mount, tick, unmount)
