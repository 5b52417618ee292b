// A panel of 23 exports, as a hall's might be: what an engine has to take in before the first call.
typedef unsigned int u32;

__attribute__((import_module("gpio"), import_name("set"))) void gpio_set(u32 line, u32 value);
#define EXPORT(name) __attribute__((export_name(#name)))

enum { LAMP = 17, FAN = 22, LOCK = 23, BELL = 24, FIRST_SEGMENT = 4, SEGMENTS = 7, ZONES = 8 };

static const unsigned char digits[10] = {0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f};
static u32 lamp, fan, locked = 1, bell, shown, ticks, armed, code, tries;
static int set_point[ZONES], measured[ZONES];

static u32 clamp(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

EXPORT(call_gpio_set) void call_gpio_set(u32 line, u32 value) { gpio_set(line, value); }
EXPORT(lamp_on) void lamp_on(void) { gpio_set(LAMP, lamp = 1); }
EXPORT(lamp_off) void lamp_off(void) { gpio_set(LAMP, lamp = 0); }
EXPORT(lamp_toggle) void lamp_toggle(void) { gpio_set(LAMP, lamp ^= 1); }
EXPORT(lamp_state) u32 lamp_state(void) { return lamp; }
EXPORT(fan_speed) void fan_speed(int percent) { fan = clamp(percent, 0, 100); }
EXPORT(fan_tick) void fan_tick(void) { gpio_set(FAN, ++ticks % 100 < fan); }
EXPORT(fan_state) u32 fan_state(void) { return fan; }

EXPORT(show_digit) void show_digit(u32 digit) {
    shown = digit % 10;
    for (u32 n = 0; n < SEGMENTS; n++)
        gpio_set(FIRST_SEGMENT + n, digits[shown] >> n & 1);
}
EXPORT(show_nothing) void show_nothing(void) {
    for (u32 n = 0; n < SEGMENTS; n++)
        gpio_set(FIRST_SEGMENT + n, 0);
}
EXPORT(shown_digit) u32 shown_digit(void) { return shown; }

EXPORT(arm) void arm(u32 secret) { armed = 1, code = secret, tries = 0; }
EXPORT(unlock) u32 unlock(u32 secret) {
    if (armed && (tries >= 3 || secret != code)) {
        tries++;
        return 0;
    }
    tries = 0;
    gpio_set(LOCK, locked = 0);
    return 1;
}
EXPORT(lock) void lock(void) { gpio_set(LOCK, locked = 1); }
EXPORT(is_locked) u32 is_locked(void) { return locked; }
EXPORT(ring) void ring(u32 times) { bell = clamp(times, 0, 10) * 2; }
EXPORT(bell_tick) u32 bell_tick(void) {
    if (bell)
        gpio_set(BELL, --bell & 1);
    return bell;
}

EXPORT(set_zone) void set_zone(u32 zone, int tenths) { set_point[zone % ZONES] = clamp(tenths, 50, 300); }
EXPORT(zone_is) void zone_is(u32 zone, int tenths) { measured[zone % ZONES] = tenths; }
EXPORT(zone_demand) int zone_demand(u32 zone) {
    int demand = set_point[zone % ZONES] - measured[zone % ZONES];
    return demand > 0 ? demand : 0;
}
EXPORT(heat_demand) int heat_demand(void) {
    int sum = 0;
    for (u32 zone = 0; zone < ZONES; zone++)
        sum += zone_demand(zone);
    return sum;
}
EXPORT(coldest_zone) u32 coldest_zone(void) {
    u32 coldest = 0;
    for (u32 zone = 1; zone < ZONES; zone++)
        if (zone_demand(zone) > zone_demand(coldest))
            coldest = zone;
    return coldest;
}
EXPORT(everything_off) void everything_off(void) {
    lamp_off();
    show_nothing();
    gpio_set(FAN, fan = 0);
    gpio_set(BELL, bell = 0);
}
