// A panel with wasi-libc at its default flags: printf, malloc, time and an exit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xmap.h"

enum { LAMP = 17 };
static char **presses;
static unsigned count;

XMAP_EXPORT(lamp_set) void lamp_set(bool on) {
    xmap_gpio_set(LAMP, on);
    printf("lamp %s\n", on ? "on" : "off");
}

XMAP_EXPORT(press) uint32_t press(void) {
    char text[64];
    snprintf(text, sizeof text, "press %3u: %.2f", count + 1, count / 3.0);
    presses = realloc(presses, (count + 1) * sizeof *presses);
    presses[count] = strdup(text);
    printf("%s", text);
    printf(" (%zu ä)\n", strlen(text));
    return ++count;
}

XMAP_EXPORT(blink) uint32_t blink(uint32_t ms) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    xmap_gpio_set(LAMP, true);
    usleep(ms * 1000);
    xmap_gpio_set(LAMP, false);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (uint32_t)((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
}

XMAP_EXPORT(length) uint32_t length(uint32_t n) {
    fprintf(stderr, "press %u", n);
    fprintf(stderr, " of %u\n", count);
    if (n >= count) exit(3);
    return (uint32_t)strlen(presses[n]);
}

XMAP_EXPORT(files) bool files(void) {
    FILE *file = fopen("settings.toml", "r");
    if (file) return true;
    perror("settings.toml");
    const char *mode = getenv("MODE");
    return mode && !strcmp(mode, "night");
}
