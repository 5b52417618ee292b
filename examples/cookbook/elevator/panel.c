/* Goes on in its direction while a floor there is wanted, and never moves with an open door. */
#include "names.h"

/* Ticks of 50 ms for which the door is open. */
enum { FLOORS = 3, OPEN_TICKS = 60 };

/* A bit for each floor. */
static uint8_t wanted;
static uint8_t last;
static uint8_t open;
/* 1 is up, -1 down. */
static int8_t direction;

/* The floor whose sensor the cabin holds low; -1 between two. */
static int8_t floor_here(void) {
    if (!floor0_get()) return 0;
    if (!floor1_get()) return 1;
    if (!floor2_get()) return 2;
    return -1;
}

static void drive(int8_t to) {
    if (to <= 0) motor_up_set(false);
    if (to >= 0) motor_down_set(false);
    if (to > 0) motor_up_set(true);
    if (to < 0) motor_down_set(true);
    direction = to;
}

XMAP_EXPORT(on_tick) void on_tick(void) {
    int8_t here = floor_here();
    if (here >= 0) last = here;
    if (open > 0) {
        if (--open == 0) door_set(false);
        return;
    }
    if (here >= 0 && wanted >> here & 1) {
        drive(0);
        wanted &= ~(1 << here);
        open = OPEN_TICKS;
        door_set(true);
        return;
    }
    if (wanted == 0) return;
    bool above = wanted >> (last + 1) != 0;
    bool below = (wanted & ((1 << last) - 1)) != 0;
    if (direction > 0 && above) return;
    if (direction < 0 && below) return;
    /* One that stands below its own floor, or nowhere that it knows, goes down to the next sensor. */
    drive(above ? 1 : -1);
}

static void want(uint8_t floor) { wanted |= 1 << floor; }

XMAP_EXPORT(on_call0) void on_call0(void) { want(0); }

XMAP_EXPORT(on_call1) void on_call1(void) { want(1); }

XMAP_EXPORT(on_call2) void on_call2(void) { want(2); }

XMAP_EXPORT(request) bool request(uint8_t floor) {
    if (floor >= FLOORS) return false;
    want(floor);
    return true;
}

XMAP_EXPORT(last_floor) uint8_t last_floor(void) { return last; }
