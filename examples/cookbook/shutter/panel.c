/* Two relays turn the motor one way or the other. Both at once would burn it, so each change of direction stops
   first and waits. Where the shutter is, the time that the motor has run says. */
#include "names.h"

/* Ticks of 100 ms: the way from open to closed, and the pause between two directions. */
enum { WAY = 200, PAUSE = 5 };

/* 0 is open, WAY is closed. */
static uint8_t here, wanted;
static uint8_t pause;
/* -1 raises, 1 lowers. */
static int8_t moving;

static void drive(int8_t way) {
    if (way >= 0) raise_set(false);
    if (way <= 0) lower_set(false);
    if (way < 0) raise_set(true);
    if (way > 0) lower_set(true);
    if (way == 0) pause = PAUSE;
    moving = way;
}

XMAP_EXPORT(on_tick) void on_tick(void) {
    if (pause > 0) {
        pause--;
        return;
    }
    here += moving;
    int8_t way = (wanted > here) - (wanted < here);
    if (way != moving) drive(moving == 0 ? way : 0);
}

/* A press while it moves stops it. */
static void press(uint8_t to) { wanted = moving == 0 ? to : here; }

XMAP_EXPORT(on_up) void on_up(void) { press(0); }

XMAP_EXPORT(on_down) void on_down(void) { press(WAY); }

XMAP_EXPORT(move_to) void move_to(uint8_t closed) { wanted = (closed > 100 ? 100 : closed) * WAY / 100; }

XMAP_EXPORT(position) uint8_t position(void) { return here * 100 / WAY; }
