// A stack machine whose operations are called through a table of functions.
#include "kernel.h"

static int32_t stack[32];
static int sp;
static void op_push1(void) { stack[sp++] = 1; }
static void op_dup(void) { stack[sp] = stack[sp - 1], sp++; }
static void op_add(void) { sp--, stack[sp - 1] += stack[sp]; }
static void op_mul(void) { sp--, stack[sp - 1] = (int32_t)((uint32_t)stack[sp - 1] * (uint32_t)stack[sp]); }
static void op_xor(void) { sp--, stack[sp - 1] ^= stack[sp]; }
static void op_neg(void) { stack[sp - 1] = ~stack[sp - 1]; }
static void (*TABLE[])(void) = {op_push1, op_dup, op_add, op_mul, op_xor, op_neg};
static uint8_t PROGRAM[] = {0, 1, 2, 1, 3, 0, 4, 1, 2, 5, 0, 1, 2, 3, 1, 2, 5, 4};

EXPORT uint32_t run(uint32_t n) {
    // Known only when it runs, so that no compiler resolves the calls.
    if (n == 12345) TABLE[0] = op_dup, PROGRAM[5] = 1;
    sp = 0;
    stack[sp++] = 3;
    for (uint32_t round = 0; round < n; round++) {
        stack[0] ^= (int32_t)round, sp = 2, stack[1] = 7;
        for (unsigned i = 0; i < sizeof PROGRAM; i++) TABLE[PROGRAM[i]]();
    }
    return (uint32_t)stack[0];
}
