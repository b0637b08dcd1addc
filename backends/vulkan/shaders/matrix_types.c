/*
 * matrix_types IN.spv OUT.inc: finish a shader of cooperative matrices, as words for C.
 *
 * Why: GL_EXT_spirv_intrinsics makes a type of SPIR-V from numbers only, but
 * OpTypeCooperativeMatrix is made of a type and of constants (SPV_KHR_cooperative_matrix), and
 * glslc of 2023 has no other way to it. So matrices.glsl writes numbers, and here they become what
 * they stand for. Types and constants that need no other go to the front, for they may be declared
 * later than the matrices.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codes.h"

enum { HEADER = 5, BOUND = 3 }; /* words; the one that says which ids there are */
enum {
    OP_SOURCE = 3, /* and up to OP_MEMBER_NAME what only debuggers read */
    OP_MEMBER_NAME = 6,
    OP_TYPE_VOID = 19, /* of which every shader has one, before all that is global */
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_CONSTANT = 43,
    OP_SPEC_CONSTANT = 50,
    OP_DECORATE = 71,
    OP_TYPE_COOPERATIVE_MATRIX = 4456,
    SPEC_ID = 1,
};

struct words {
    uint32_t *list;
    size_t count, capacity;
};

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "matrix_types: %s\n", why);
    exit(1);
}

static void add(struct words *words, const uint32_t *more, size_t count)
{
    if (count == 0)
        return;
    if (words->count + count > words->capacity) {
        words->capacity = 2 * (words->count + count);
        words->list = realloc(words->list, words->capacity * sizeof *words->list);
        if (!words->list)
            fail("no memory");
    }
    memcpy(words->list + words->count, more, count * sizeof *more);
    words->count += count;
}

static size_t length_of(const uint32_t *instruction)
{
    return instruction[0] >> 16 ? instruction[0] >> 16 : 1;
}

static uint32_t op_of(const uint32_t *instruction)
{
    return instruction[0] & 0xffff;
}

/* The id of an instruction in front whose words but the id, which is word `id`, are these; a new
 * one if there is none. */
static uint32_t id_in(struct words *front, uint32_t *bound, const uint32_t *wanted, size_t count,
                      size_t id)
{
    uint32_t made[8];
    memcpy(made, wanted, count * sizeof *wanted);
    made[0] |= (uint32_t)count << 16;
    for (size_t at = 0; at < front->count; at += length_of(front->list + at)) {
        made[id] = front->list[at + id];
        if (memcmp(front->list + at, made, count * sizeof *made) == 0)
            return made[id];
    }
    made[id] = (*bound)++;
    add(front, made, count);
    return made[id];
}

static uint32_t component(struct words *front, uint32_t *bound, uint32_t number)
{
    uint32_t width = number % VK_MATRIX_SIGNED;
    if (number >= VK_MATRIX_SIGNED)
        return id_in(front, bound, (uint32_t[]){OP_TYPE_INT, 0, width, 1}, 4, 1);
    return id_in(front, bound, (uint32_t[]){OP_TYPE_FLOAT, 0, width}, 3, 1);
}

static uint32_t constant(struct words *front, uint32_t *bound, uint32_t number)
{
    uint32_t type = id_in(front, bound, (uint32_t[]){OP_TYPE_INT, 0, 32, 0}, 4, 1);
    return id_in(front, bound, (uint32_t[]){OP_CONSTANT, type, 0, number}, 4, 2);
}

static uint32_t specialised(const struct words *in, uint32_t number)
{
    for (size_t at = HEADER; at < in->count; at += length_of(in->list + at)) {
        const uint32_t *decorate = in->list + at;
        if (op_of(decorate) == OP_DECORATE && decorate[2] == SPEC_ID && decorate[3] == number)
            return decorate[1];
    }
    fail("a matrix has a size that is no constant of the shader");
}

static bool needs_no_other(uint32_t op)
{
    return op == OP_TYPE_INT || op == OP_TYPE_FLOAT;
}

/* What needs nothing but what is before it: numbers' types, then constants of them. */
static void bring_to_front(const struct words *in, struct words *front)
{
    for (int constants = 0; constants < 2; constants++)
        for (size_t at = HEADER; at < in->count; at += length_of(in->list + at)) {
            uint32_t op = op_of(in->list + at);
            if (constants ? op == OP_SPEC_CONSTANT : needs_no_other(op))
                add(front, in->list + at, length_of(in->list + at));
        }
}

static void finish(struct words *in, struct words *out)
{
    struct words front = {0};
    uint32_t *bound = &in->list[BOUND];
    bring_to_front(in, &front);
    for (size_t at = HEADER; at < in->count; at += length_of(in->list + at)) {
        uint32_t *matrix = in->list + at; /* result, component, scope, rows, columns, use */
        if (op_of(matrix) != OP_TYPE_COOPERATIVE_MATRIX)
            continue;
        matrix[2] = component(&front, bound, matrix[2]);
        matrix[3] = constant(&front, bound, matrix[3]);
        matrix[4] = specialised(in, matrix[4]);
        matrix[5] = specialised(in, matrix[5]);
        matrix[6] = constant(&front, bound, matrix[6]);
    }
    add(out, in->list, HEADER);
    for (size_t at = HEADER; at < in->count; at += length_of(in->list + at)) {
        uint32_t op = op_of(in->list + at);
        if (op == OP_TYPE_VOID)
            add(out, front.list, front.count);
        bool tells_names = op >= OP_SOURCE && op <= OP_MEMBER_NAME;
        if (op != OP_SPEC_CONSTANT && !needs_no_other(op) && !tells_names)
            add(out, in->list + at, length_of(in->list + at));
    }
    free(front.list);
}

int main(int count, char **arguments)
{
    struct words in = {0}, out = {0};
    FILE *from = count == 3 ? fopen(arguments[1], "rb") : NULL;
    FILE *to = from ? fopen(arguments[2], "w") : NULL;
    if (!to)
        fail("cannot open IN.spv and OUT.inc");
    for (uint32_t word; fread(&word, sizeof word, 1, from) == 1;)
        add(&in, &word, 1);
    if (in.count <= HEADER)
        fail("the shader is empty");
    finish(&in, &out);
    for (size_t i = 0; i < out.count; i++)
        fprintf(to, "%s0x%08x", i ? "," : "{", out.list[i]);
    fprintf(to, "}\n");
    free(in.list);
    free(out.list);
    return fclose(from) | fclose(to) ? 1 : 0;
}
