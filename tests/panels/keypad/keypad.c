/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A door with a 4x4 matrix keypad and a bolt.
 *
 * Keys:  1 2 3 A      '#' enters the code, '*' clears what was typed,
 *        4 5 6 B      three wrong codes lock the keypad for half a minute.
 *        7 8 9 C
 *        * 0 # D
 */
#include "xmap.h"

enum { BOLT = 18, WIRE = 23 };
enum { ROWS = 4, COLUMNS = 4 };
enum state { CLOSED = 0, OPEN = 1, LOCKED_OUT = 2 };

static const uint8_t row_pin[ROWS] = {6, 12, 13, 19};
static const uint8_t column_pin[COLUMNS] = {16, 20, 21, 26};
static const char legend[ROWS * COLUMNS + 1] = "123A456B789C*0#D";

#define EVERY_ROW (XMAP_BIT(6) | XMAP_BIT(12) | XMAP_BIT(13) | XMAP_BIT(19))

/* The lines settle within this time after a row went low. */
#define SETTLE_US 5
#define OPEN_US INT64_C(3000000)
#define LOCKOUT_US INT64_C(30000000)
#define MAX_DIGITS 8

static uint16_t last_keys;

/* Keys that were pressed and not yet taken: a ring of eight. */
static struct {
    char key[8];
    uint8_t head, count;
} queue;

static struct {
    enum state state;
    int64_t until_us;
    uint8_t typed[MAX_DIGITS];
    uint8_t typed_count;
    uint8_t code[MAX_DIGITS];
    uint8_t code_count;
    uint8_t failures;
} door = {.code = {4, 7, 1, 1}, .code_count = 4};

XMAP_EXPORT(on_mount) int32_t on_mount(void) {
    xmap_gpio_write(0, EVERY_ROW, 0);
    return 0;
}

/* One bit for each key, in the order of the legend. */
XMAP_EXPORT(scan) uint16_t scan(void) {
    uint16_t keys = 0;
    for (int row = 0; row < ROWS; row++) {
        uint32_t low = XMAP_BIT(row_pin[row]);
        xmap_gpio_write(0, EVERY_ROW & ~low, low);
        xmap_time_delay_us(SETTLE_US);
        uint32_t levels = xmap_gpio_read(0);
        for (int column = 0; column < COLUMNS; column++) {
            if (!(levels & XMAP_BIT(column_pin[column]))) keys |= 1u << (row * COLUMNS + column);
        }
    }
    xmap_gpio_write(0, EVERY_ROW, 0);
    return keys;
}

/* The character on a key, or -1. */
XMAP_EXPORT(key_at) int32_t key_at(uint8_t bit) {
    return bit < ROWS * COLUMNS ? legend[bit] : -1;
}

static bool push(char key) {
    if (queue.count == sizeof queue.key) {
        XMAP_LOG(XMAP_WARN, "keypad: queue full");
        return false;
    }
    queue.key[(queue.head + queue.count) % sizeof queue.key] = key;
    queue.count++;
    return true;
}

/* Scans, and queues each key that went down since; the number of them, or -1 where the queue ran over. */
XMAP_EXPORT(poll) int32_t poll(void) {
    uint16_t keys = scan();
    uint16_t fresh = keys & ~last_keys;
    int32_t count = 0;
    last_keys = keys;
    while (fresh) {
        if (!push(legend[__builtin_ctz(fresh)])) return -1;
        fresh &= fresh - 1;
        count++;
    }
    return count;
}

XMAP_EXPORT(pending) uint8_t pending(void) { return queue.count; }

static bool code_matches(void) {
    /* Every place is compared, so that the time says nothing about the code. */
    uint8_t difference = door.typed_count ^ door.code_count;
    for (int i = 0; i < MAX_DIGITS; i++) {
        uint8_t expected = i < door.code_count ? door.code[i] : 0;
        uint8_t typed = i < door.typed_count ? door.typed[i] : 0;
        difference |= expected ^ typed;
    }
    return difference == 0;
}

/* Lets the time pass: the bolt falls back, the lock-out ends. */
XMAP_EXPORT(state) uint8_t state(void) {
    if (door.state != CLOSED && xmap_time_now_us() >= door.until_us) {
        if (door.state == OPEN) xmap_gpio_set(BOLT, 0);
        door.state = CLOSED;
        door.failures = 0;
    }
    return door.state;
}

static void change(enum state next, int64_t for_us) {
    door.state = next;
    door.until_us = xmap_time_now_us() + for_us;
}

/* What a key does; true where it was of use. */
XMAP_EXPORT(enter) bool enter(uint8_t key) {
    if (state() == LOCKED_OUT) return false;
    switch (key) {
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        if (door.typed_count == MAX_DIGITS) return false;
        door.typed[door.typed_count++] = key - '0';
        return true;
    case '*':
        door.typed_count = 0;
        return true;
    case '#':
        if (code_matches()) {
            door.failures = 0;
            xmap_gpio_set(BOLT, 1);
            change(OPEN, OPEN_US);
            XMAP_LOG(XMAP_INFO, "door: open");
        } else if (++door.failures == 3) {
            change(LOCKED_OUT, LOCKOUT_US);
            XMAP_LOG(XMAP_WARN, "door: locked out");
        }
        door.typed_count = 0;
        return true;
    default:
        return false;
    }
}

/* Takes the oldest key off the queue and enters it; the key, or -1 where there is none. */
XMAP_EXPORT(pop) int32_t pop(void) {
    if (queue.count == 0) return -1;
    char key = queue.key[queue.head];
    queue.head = (queue.head + 1) % sizeof queue.key;
    queue.count--;
    enter(key);
    return key;
}

/* Milliseconds that the door stays as it is; negative where `state` has not been asked since. */
XMAP_EXPORT(open_for_ms) int32_t open_for_ms(void) {
    return (int32_t)((door.until_us - xmap_time_now_us()) / 1000);
}

/* Another code: the last `digits` decimal digits of `code`. */
XMAP_EXPORT(set_pin) bool set_pin(uint32_t code, uint8_t digits) {
    if (digits == 0 || digits > MAX_DIGITS) return false;
    for (int i = digits - 1; i >= 0; i--) {
        door.code[i] = code % 10;
        code /= 10;
    }
    door.code_count = digits;
    return true;
}

/* FNV-1a over the code: lets the host see that two doors have the same one. */
XMAP_EXPORT(digest) uint32_t digest(void) {
    uint32_t hash = UINT32_C(2166136261);
    for (uint8_t i = 0; i < door.code_count; i++) {
        hash = (hash ^ door.code[i]) * UINT32_C(16777619);
    }
    return hash;
}

/* Whether the tamper wire follows a pull resistor (see enum xmap_pull), so is not connected. */
XMAP_EXPORT(probe_wire) bool probe_wire(uint8_t pull) {
    xmap_gpio_direction(WIRE, 0);
    xmap_gpio_pull(WIRE, pull);
    xmap_time_delay_us(SETTLE_US);
    return xmap_gpio_get(WIRE);
}

XMAP_EXPORT(drive_wire) void drive_wire(bool high) {
    xmap_gpio_set(WIRE, high);
    xmap_gpio_direction(WIRE, 1);
}

/* For the installer: the level of any line; one that the manifest does not declare traps. */
XMAP_EXPORT(line_level) bool line_level(uint8_t line) { return xmap_gpio_get(line); }
