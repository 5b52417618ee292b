/* Waters the lawn, then the beds, and neither while it rains. */
#include "names.h"

enum { NONE, LAWN, BEDS };

static uint8_t open;
static uint8_t minutes_each = 10;
static uint16_t left_s;

/* Opens one valve, or none: the pump feeds one circuit at a time. */
static void feed(uint8_t which) {
    open = which;
    left_s = minutes_each * 60;
    if (which != LAWN) lawn_set(false);
    if (which != BEDS) beds_set(false);
    if (which == LAWN) lawn_set(true);
    if (which == BEDS) beds_set(true);
}

/* The sensor's contact closes to ground in the rain. */
static bool is_wet(void) { return !rain_get(); }

XMAP_EXPORT(start) bool start(void) {
    if (is_wet()) return false;
    feed(LAWN);
    return true;
}

XMAP_EXPORT(stop) void stop(void) { feed(NONE); }

XMAP_EXPORT(on_morning) void on_morning(void) {
    if (!start()) XMAP_LOG(XMAP_INFO, "it rains");
}

XMAP_EXPORT(on_second) void on_second(void) {
    if (open == NONE) return;
    if (is_wet())
        feed(NONE);
    else if (--left_s == 0)
        feed(open == LAWN ? BEDS : NONE);
}

XMAP_EXPORT(set_minutes) void set_minutes(uint8_t minutes) {
    minutes_each = minutes < 1 ? 1 : minutes > 60 ? 60 : minutes;
}

XMAP_EXPORT(circuit) uint8_t circuit(void) { return open; }
