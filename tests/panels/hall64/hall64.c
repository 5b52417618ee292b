/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A concert hall: the panel with 64 exports that the budget of 12,288 bytes is measured with. */
#include "xmap.h"

enum {
    FOYER = 2, AISLE_LEFT = 3, AISLE_RIGHT = 4, STAGE = 5,
    BALCONY = 6, BAR = 7, CLOAKROOM = 8, EXIT_SIGNS = 9,
    NORTH_UP = 10, NORTH_DOWN = 11, SOUTH_UP = 12, SOUTH_DOWN = 13,
    FAN_SLOW = 16, FAN_FAST = 17, PUMP = 18, BELL = 19, PROJECTOR = 20, BOLT = 21,
    SMOKE = 22, RAIN = 23, WALL_SWITCH = 24, DOOR_CONTACT = 25, MOTION = 26, FIRE_KEY = 27,
};

#define LAMPS UINT32_C(0x3fc)
#define BLINDS (XMAP_BIT(NORTH_UP) | XMAP_BIT(NORTH_DOWN) | XMAP_BIT(SOUTH_UP) | XMAP_BIT(SOUTH_DOWN))
#define COOL_DOWN_US INT64_C(90000000)
#define BLIND_US INT64_C(25000000)
#define MOTION_US INT64_C(120000000)

static bool alarmed;
static bool switch_was_down, motion_was_seen;
static uint16_t motions;
static int64_t projector_off_us = -COOL_DOWN_US;
static int64_t blinds_until_us, motion_until_us;

/* Eight lamps with three exports each. */
#define LAMP(name, line)                                                        \
    XMAP_EXPORT(name##_on) void name##_on(void) { xmap_gpio_set(line, 1); }     \
    XMAP_EXPORT(name##_off) void name##_off(void) { xmap_gpio_set(line, 0); }   \
    XMAP_EXPORT(name##_toggle) void name##_toggle(void) { xmap_gpio_toggle(line); }

LAMP(foyer, FOYER)
LAMP(aisle_left, AISLE_LEFT)
LAMP(aisle_right, AISLE_RIGHT)
LAMP(stage, STAGE)
LAMP(balcony, BALCONY)
LAMP(bar, BAR)
LAMP(cloakroom, CLOAKROOM)
LAMP(exit_signs, EXIT_SIGNS)

/* Two blinds: a motor never gets both directions at once, and stands still while it rains. */
static void drive_blind(uint32_t on, uint32_t off) {
    if (on && !xmap_gpio_get(RAIN)) {
        XMAP_LOG(XMAP_WARN, "hall: rain, blinds stay");
        return;
    }
    xmap_gpio_write(0, on, off);
    blinds_until_us = xmap_time_now_us() + BLIND_US;
}

#define BLIND(name, up, down)                                                                    \
    XMAP_EXPORT(name##_up) void name##_up(void) { drive_blind(XMAP_BIT(up), XMAP_BIT(down)); }   \
    XMAP_EXPORT(name##_down) void name##_down(void) { drive_blind(XMAP_BIT(down), XMAP_BIT(up)); } \
    XMAP_EXPORT(name##_stop) void name##_stop(void) {                                            \
        xmap_gpio_write(0, 0, XMAP_BIT(up) | XMAP_BIT(down));                                    \
    }                                                                                            \
    XMAP_EXPORT(name##_moving) bool name##_moving(void) {                                        \
        return (xmap_gpio_read(0) & (XMAP_BIT(up) | XMAP_BIT(down))) != 0;                       \
    }

BLIND(north_blind, NORTH_UP, NORTH_DOWN)
BLIND(south_blind, SOUTH_UP, SOUTH_DOWN)

/* The fan's two windings exclude each other. */
XMAP_EXPORT(fan_off) void fan_off(void) {
    xmap_gpio_write(0, 0, XMAP_BIT(FAN_SLOW) | XMAP_BIT(FAN_FAST));
}
XMAP_EXPORT(fan_slow) void fan_slow(void) {
    xmap_gpio_write(0, XMAP_BIT(FAN_SLOW), XMAP_BIT(FAN_FAST));
}
XMAP_EXPORT(fan_fast) void fan_fast(void) {
    xmap_gpio_write(0, XMAP_BIT(FAN_FAST), XMAP_BIT(FAN_SLOW));
}
XMAP_EXPORT(fan_speed) uint8_t fan_speed(void) {
    return xmap_gpio_get(FAN_FAST) ? 2 : xmap_gpio_get(FAN_SLOW);
}

XMAP_EXPORT(pump_on) void pump_on(void) { xmap_gpio_set(PUMP, 1); }
XMAP_EXPORT(pump_off) void pump_off(void) { xmap_gpio_set(PUMP, 0); }

XMAP_EXPORT(bell_ring) void bell_ring(uint16_t milliseconds) {
    xmap_gpio_set(BELL, 1);
    xmap_time_delay_us(milliseconds * UINT32_C(1000));
    xmap_gpio_set(BELL, 0);
}

/* Once for the first call to the seats, twice for the second, three times for the last. */
XMAP_EXPORT(bell_gong) void bell_gong(uint8_t call) {
    for (uint8_t i = 0; i < call; i++) {
        bell_ring(120);
        xmap_time_delay_us(80000);
    }
}

/* The lamp of the projector must cool down before it is lit again. */
XMAP_EXPORT(projector_ready) bool projector_ready(void) {
    return xmap_time_now_us() - projector_off_us >= COOL_DOWN_US;
}
XMAP_EXPORT(projector_on) bool projector_on(void) {
    if (!projector_ready()) return false;
    xmap_gpio_set(PROJECTOR, 1);
    return true;
}
XMAP_EXPORT(projector_off) void projector_off(void) {
    if (xmap_gpio_get(PROJECTOR)) projector_off_us = xmap_time_now_us();
    xmap_gpio_set(PROJECTOR, 0);
}

/* An alarm keeps the doors open. */
XMAP_EXPORT(door_lock) bool door_lock(void) {
    if (alarmed || xmap_gpio_get(DOOR_CONTACT)) return false;
    xmap_gpio_set(BOLT, 1);
    return true;
}
XMAP_EXPORT(door_unlock) void door_unlock(void) { xmap_gpio_set(BOLT, 0); }
XMAP_EXPORT(door_open) bool door_open(void) { return xmap_gpio_get(DOOR_CONTACT); }

/* Sensors pull their lines low. */
#define SENSOR(name, line) XMAP_EXPORT(name) bool name(void) { return !xmap_gpio_get(line); }

SENSOR(smoke_seen, SMOKE)
SENSOR(rain_falls, RAIN)
SENSOR(motion_seen, MOTION)
SENSOR(switch_down, WALL_SWITCH)

/* Scenes: the lamps that burn; all others go out in the same store. */
static void show_lamps(uint32_t on) { xmap_gpio_write(0, on & LAMPS, LAMPS & ~on); }

XMAP_EXPORT(scene_concert) void scene_concert(void) {
    show_lamps(XMAP_BIT(STAGE) | XMAP_BIT(EXIT_SIGNS));
}
XMAP_EXPORT(scene_break) void scene_break(void) {
    show_lamps(LAMPS & ~XMAP_BIT(STAGE));
    bell_gong(1);
}
XMAP_EXPORT(scene_cleaning) void scene_cleaning(void) { show_lamps(LAMPS); }
XMAP_EXPORT(scene_night) void scene_night(void) {
    show_lamps(XMAP_BIT(EXIT_SIGNS));
    fan_off();
    projector_off();
}

XMAP_EXPORT(call_gpio_set) void call_gpio_set(uint8_t pin, bool val) { xmap_gpio_set(pin, val); }

/* The lamps as bits: foyer in bit 0 to exit signs in bit 7. */
XMAP_EXPORT(lamps_set) void lamps_set(uint8_t lamps) { show_lamps((uint32_t)lamps << FOYER); }
XMAP_EXPORT(lamps_lit) uint8_t lamps_lit(void) { return (uint8_t)(xmap_gpio_read(0) >> FOYER); }

XMAP_EXPORT(alarm_raise) void alarm_raise(void) {
    if (!alarmed) XMAP_LOG(XMAP_WARN, "hall: alarm");
    alarmed = true;
    show_lamps(LAMPS);
    xmap_gpio_write(0, XMAP_BIT(BELL), XMAP_BIT(BOLT) | XMAP_BIT(FAN_SLOW) | XMAP_BIT(FAN_FAST));
}

/* Only the fire brigade's key ends an alarm. */
XMAP_EXPORT(alarm_clear) bool alarm_clear(void) {
    if (xmap_gpio_get(FIRE_KEY)) return false;
    alarmed = false;
    xmap_gpio_set(BELL, 0);
    return true;
}

/* To be called often; what it returns are the reasons for whatever it did, as bits. */
XMAP_EXPORT(tick) uint8_t tick(void) {
    int64_t now_us = xmap_time_now_us();
    uint8_t did = 0;

    if (smoke_seen() && !alarmed) {
        alarm_raise();
        did |= 1;
    }
    if ((xmap_gpio_read(0) & BLINDS) && now_us >= blinds_until_us) {
        xmap_gpio_write(0, 0, BLINDS);
        did |= 2;
    }
    bool down = switch_down();
    if (down && !switch_was_down) {
        foyer_toggle();
        did |= 4;
    }
    switch_was_down = down;

    bool motion = motion_seen();
    if (motion && !motion_was_seen) {
        motions++;
        cloakroom_on();
        did |= 8;
    }
    if (motion) motion_until_us = now_us + MOTION_US;
    if (!motion && motion_until_us && now_us >= motion_until_us) {
        motion_until_us = 0;
        cloakroom_off();
        did |= 16;
    }
    motion_was_seen = motion;
    return did;
}

XMAP_EXPORT(motion_count) uint16_t motion_count(void) { return motions; }

XMAP_EXPORT(uptime_s) uint64_t uptime_s(void) { return (uint64_t)xmap_time_now_us() / 1000000; }

XMAP_EXPORT(on_mount) int32_t on_mount(void) {
    scene_night();
    XMAP_LOG(XMAP_INFO, "hall: mounted");
    return 0;
}

XMAP_EXPORT(on_unmount) void on_unmount(void) {
    show_lamps(XMAP_BIT(EXIT_SIGNS));
    xmap_gpio_write(0, 0, BLINDS | XMAP_BIT(PUMP) | XMAP_BIT(BELL) | XMAP_BIT(BOLT));
}
