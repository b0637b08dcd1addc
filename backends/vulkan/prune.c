/* Why: a shader has whatever some node may need, and constants leave a tenth of it or less. Drivers
 * find out, but compile most of the rest until they do: lavapipe 50 ms long.
 */
#include "backends/vulkan/prune.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 5, BOUND = 3 }; /* words; the one that says which ids there are */
enum op {
    OP_NOP = 0,
    OP_NAME = 5,
    OP_TYPE_INT = 21,
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT_FALSE = 42,
    OP_CONSTANT = 43,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_OP = 52,
    OP_FUNCTION = 54,
    OP_FUNCTION_END = 56,
    OP_STORE = 62,
    OP_COPY_MEMORY = 63,
    OP_DECORATE = 71,
    OP_I_ADD = 128, /* from here to OP_BITWISE_AND all operands are ids */
    OP_I_SUB = 130,
    OP_I_MUL = 132,
    OP_U_DIV = 134,
    OP_U_MOD = 137,
    OP_LOGICAL_OR = 166,
    OP_LOGICAL_AND = 167,
    OP_LOGICAL_NOT = 168,
    OP_I_EQUAL = 170,
    OP_I_NOT_EQUAL = 171,
    OP_U_GREATER_THAN = 172,
    OP_U_GREATER_THAN_EQUAL = 174,
    OP_U_LESS_THAN = 176,
    OP_U_LESS_THAN_EQUAL = 178,
    OP_BITWISE_OR = 197,
    OP_BITWISE_AND = 199,
    OP_CONTROL_BARRIER = 224,
    OP_MEMORY_BARRIER = 225,
    OP_ATOMIC_STORE = 228,
    OP_PHI = 245,
    OP_LOOP_MERGE = 246,
    OP_SELECTION_MERGE = 247,
    OP_LABEL = 248,
    OP_BRANCH = 249,
    OP_BRANCH_CONDITIONAL = 250,
    OP_SWITCH = 251,
    OP_KILL = 252,
    OP_UNREACHABLE = 255,
    OP_MATRIX_STORE = 4458,
    SPEC_ID = 1, /* a decoration */
};

#define UNKNOWN UINT64_MAX

struct id {
    uint32_t value, specified; /* of a type of integers, its bits; specified: constant_id + 1 */
    bool known;                /* value is what it always is */
    uint32_t block;            /* in which it is made, a label in itself; 0: outside of functions */
    /* Of labels. */
    size_t start;
    unsigned reached; /* in which round last */
    uint32_t taken;   /* the only way on; 0: there are several */
    bool is_merge;    /* of a block that is reached */
};

struct pruning {
    const uint32_t *words;
    size_t count;
    struct id *ids;
    uint32_t *waiting; /* labels, then those where functions begin, from the end on */
    uint32_t waiting_count, bound, function_count;
    unsigned round, news;
};

static enum op op_of(const uint32_t *instruction)
{
    return (enum op)(instruction[0] & 0xffff);
}

static uint32_t length_of(const uint32_t *instruction)
{
    return instruction[0] >> 16;
}

/* ---- what is known ---- */

/* Of words and truths; UNKNOWN for other operations. */
static uint64_t compute(enum op op, uint32_t a, uint32_t b)
{
    switch ((int)op) {
    case OP_I_ADD:
        return a + b;
    case OP_I_SUB:
        return a - b;
    case OP_I_MUL:
        return a * b;
    case OP_U_DIV:
        return b ? a / b : UNKNOWN;
    case OP_U_MOD:
        return b ? a % b : UNKNOWN;
    case OP_LOGICAL_NOT:
        return !a;
    case OP_I_EQUAL:
        return a == b;
    case OP_I_NOT_EQUAL:
        return a != b;
    case OP_U_GREATER_THAN:
        return a > b;
    case OP_U_GREATER_THAN_EQUAL:
        return a >= b;
    case OP_U_LESS_THAN:
        return a < b;
    case OP_U_LESS_THAN_EQUAL:
        return a <= b;
    case OP_BITWISE_OR:
        return a | b;
    case OP_BITWISE_AND:
        return a & b;
    default:
        return UNKNOWN;
    }
}

static void learn(struct pruning *p, uint32_t id, uint32_t value)
{
    p->news += !p->ids[id].known;
    p->ids[id].known = true;
    p->ids[id].value = value;
}

/* A result of one operand or two. */
static void evaluate(struct pruning *p, enum op op, uint32_t result, const uint32_t *operands,
                     uint32_t count)
{
    if (op < OP_I_ADD || op > OP_BITWISE_AND || count < 1 || count > 2)
        return;
    const struct id *a = &p->ids[operands[0]], *b = &p->ids[operands[count - 1]];
    bool decides = op == OP_LOGICAL_OR; /* one operand with this value does */
    uint64_t y = UNKNOWN;
    if (op != OP_LOGICAL_OR && op != OP_LOGICAL_AND)
        y = a->known && b->known ? compute(op, a->value, b->value) : UNKNOWN;
    else if ((a->known && a->value == decides) || (b->known && b->value == decides))
        y = decides;
    else if (a->known && b->known)
        y = !decides;
    if (y != UNKNOWN)
        learn(p, result, (uint32_t)y);
}

static bool is_way(const struct pruning *p, uint32_t from, uint32_t to, unsigned round)
{
    const struct id *block = &p->ids[from];
    return block->reached >= round && (!block->taken || block->taken == to);
}

/* The value that it has from wherever the last round found a way. */
static void evaluate_phi(struct pruning *p, const uint32_t *phi)
{
    const struct id *first = NULL, *self = &p->ids[phi[2]];
    for (uint32_t i = 3; i + 1 < length_of(phi); i += 2) {
        const struct id *value = &p->ids[phi[i]];
        if (!is_way(p, phi[i + 1], self->block, p->round - 1))
            continue;
        if (!value->known || (first && first->value != value->value))
            return;
        first = value;
    }
    if (first)
        learn(p, phi[2], first->value);
}

/* ---- what is reached ---- */

static void reach(struct pruning *p, uint32_t label)
{
    if (p->ids[label].reached == p->round)
        return;
    p->ids[label].reached = p->round;
    p->waiting[p->waiting_count++] = label;
}

static uint32_t case_of(const uint32_t *instruction, uint32_t value)
{
    for (uint32_t i = 3; i + 1 < length_of(instruction); i += 2)
        if (instruction[i] == value)
            return instruction[i + 1];
    return instruction[2];
}

/* The end of a block: on to the others. */
static void leave(struct pruning *p, uint32_t label, const uint32_t *end)
{
    bool is_switch = op_of(end) == OP_SWITCH;
    struct id *block = &p->ids[label];
    if (op_of(end) == OP_BRANCH)
        reach(p, end[1]);
    if (!is_switch && op_of(end) != OP_BRANCH_CONDITIONAL)
        return;
    const struct id *decides = &p->ids[end[1]];
    if (decides->known)
        block->taken = is_switch ? case_of(end, decides->value) : end[decides->value ? 2 : 3];
    uint32_t after = is_switch ? length_of(end) : 4;
    for (uint32_t i = 2; i < after; i += is_switch ? 2 : 1)
        if (is_way(p, label, end[i], p->round))
            reach(p, end[i]);
}

static bool ends_block(enum op op)
{
    return op >= OP_BRANCH && op <= OP_UNREACHABLE;
}

static void go_through(struct pruning *p, uint32_t label)
{
    const uint32_t *at = p->words + p->ids[label].start;
    for (at += length_of(at); !ends_block(op_of(at)); at += length_of(at)) {
        if (op_of(at) == OP_PHI)
            evaluate_phi(p, at);
        else if (length_of(at) > 3)
            evaluate(p, op_of(at), at[2], at + 3, length_of(at) - 3);
    }
    leave(p, label, at);
}

/* Round by round, until nothing new is known. */
static void find_ways(struct pruning *p)
{
    do {
        p->news = 0;
        p->round++;
        for (uint32_t i = 1; i <= p->function_count; i++)
            reach(p, p->waiting[p->bound - i]);
        while (p->waiting_count)
            go_through(p, p->waiting[--p->waiting_count]);
    } while (p->news);
}

/* ---- the whole shader ---- */

static bool makes_nothing(enum op op)
{
    return op == OP_NOP || op == OP_STORE || op == OP_COPY_MEMORY || op == OP_CONTROL_BARRIER ||
           op == OP_MEMORY_BARRIER || op == OP_ATOMIC_STORE || op == OP_LOOP_MERGE ||
           op == OP_SELECTION_MERGE || ends_block(op) || op == OP_MATRIX_STORE;
}

static void read_constant(struct pruning *p, const uint32_t *at, const uint32_t *constants,
                          unsigned constant_count)
{
    enum op op = op_of(at);
    uint32_t specified = op == OP_SPEC_CONSTANT ? p->ids[at[2]].specified : 0;
    if (op == OP_CONSTANT_TRUE || op == OP_CONSTANT_FALSE)
        learn(p, at[2], op == OP_CONSTANT_TRUE);
    else if (op == OP_SPEC_CONSTANT_OP)
        evaluate(p, (enum op)at[3], at[2], at + 4, length_of(at) - 4);
    else if ((op == OP_CONSTANT || op == OP_SPEC_CONSTANT) && p->ids[at[1]].value == 32)
        learn(p, at[2],
              specified && specified <= constant_count ? constants[specified - 1] : at[3]);
}

/* Constants, and where everything is. */
static void read_shader(struct pruning *p, const uint32_t *constants, unsigned constant_count)
{
    uint32_t block = 0;
    bool begins = false;
    for (size_t i = HEADER; i < p->count; i += length_of(p->words + i)) {
        const uint32_t *at = p->words + i;
        enum op op = op_of(at);
        if (op == OP_DECORATE && at[2] == SPEC_ID)
            p->ids[at[1]].specified = at[3] + 1;
        else if (op == OP_TYPE_INT)
            p->ids[at[1]].value = at[2];
        begins |= op == OP_FUNCTION;
        if (op == OP_LABEL) {
            block = at[1];
            p->ids[block].start = i;
            p->ids[block].block = block;
            if (begins)
                p->waiting[p->bound - ++p->function_count] = block;
            begins = false;
        } else if (op == OP_FUNCTION_END) {
            block = 0;
        } else if (block && !makes_nothing(op)) {
            p->ids[at[2]].block = block;
        } else if (!block) {
            read_constant(p, at, constants, constant_count);
        }
    }
}

static bool stays(const struct pruning *p, uint32_t block)
{
    return !block || p->ids[block].reached == p->round;
}

/* With one way on, only a switch is still a construct: what is in it may leave for its merge block
 * from anywhere. */
static bool stays_construct(const struct pruning *p, uint32_t block, const uint32_t *merge)
{
    uint32_t taken = p->ids[block].taken;
    return op_of(merge) == OP_LOOP_MERGE || !taken ||
           (op_of(merge + length_of(merge)) == OP_SWITCH && taken != merge[1]);
}

/* Where constructs that stay come together; false where a loop would have no way back. */
static bool find_merges(struct pruning *p)
{
    uint32_t block = 0;
    for (size_t i = HEADER; i < p->count; i += length_of(p->words + i)) {
        const uint32_t *at = p->words + i;
        bool is_loop = op_of(at) == OP_LOOP_MERGE;
        block = op_of(at) == OP_LABEL ? at[1] : block;
        if ((!is_loop && op_of(at) != OP_SELECTION_MERGE) || !stays(p, block))
            continue;
        if (is_loop && !stays(p, at[2]))
            return false;
        p->ids[at[1]].is_merge |= stays_construct(p, block, at);
    }
    return true;
}

/* ---- writing ---- */

static size_t put(uint32_t *to, enum op op, const uint32_t *operands, uint32_t count)
{
    to[0] = (count + 1) << 16 | (uint32_t)op;
    for (uint32_t i = 0; i < count; i++)
        to[i + 1] = operands[i];
    return count + 1;
}

static size_t put_phi(const struct pruning *p, uint32_t *to, const uint32_t *phi)
{
    uint32_t count = 3;
    to[1] = phi[1];
    to[2] = phi[2];
    for (uint32_t i = 3; i + 1 < length_of(phi); i += 2)
        if (is_way(p, phi[i + 1], p->ids[phi[2]].block, p->round)) {
            to[count++] = phi[i];
            to[count++] = phi[i + 1];
        }
    to[0] = count << 16 | (uint32_t)OP_PHI;
    return count;
}

static size_t write_shader(const struct pruning *p, uint32_t *to)
{
    size_t n = HEADER;
    uint32_t block = 0;
    bool is_construct = false;
    memcpy(to, p->words, HEADER * sizeof *to);
    for (size_t i = HEADER; i < p->count; i += length_of(p->words + i)) {
        const uint32_t *at = p->words + i;
        enum op op = op_of(at);
        if (op == OP_LABEL || op == OP_FUNCTION_END) {
            block = op == OP_LABEL ? at[1] : 0;
            is_construct = false;
            if (block && !stays(p, block) && p->ids[block].is_merge) {
                n += put(to + n, OP_LABEL, &block, 1);
                n += put(to + n, OP_UNREACHABLE, NULL, 0);
            }
        }
        uint32_t taken = p->ids[block].taken;
        bool tells = op == OP_DECORATE || op == OP_NAME;
        if (!stays(p, block) || (tells && !stays(p, p->ids[at[1]].block)))
            continue;
        if (op == OP_SELECTION_MERGE && !(is_construct = stays_construct(p, block, at)))
            continue;
        if (op == OP_PHI)
            n += put_phi(p, to + n, at);
        else if (taken && op == OP_SWITCH && is_construct)
            n += put(to + n, op, (const uint32_t[]){at[1], taken}, 2);
        else if (taken && (op == OP_SWITCH || op == OP_BRANCH_CONDITIONAL))
            n += put(to + n, OP_BRANCH, &taken, 1);
        else
            n += put(to + n, op, at + 1, length_of(at) - 1);
    }
    return n;
}

uint32_t *vk_prune(const uint32_t *words, size_t *count, const uint32_t *constants,
                   unsigned constant_count)
{
    struct pruning p = {.words = words, .count = *count, .bound = words[BOUND]};
    p.ids = calloc(p.bound, sizeof *p.ids);
    p.waiting = calloc(p.bound, sizeof *p.waiting);
    uint32_t *pruned = malloc(*count * sizeof *pruned);
    bool done = p.ids && p.waiting && pruned;
    if (done) {
        read_shader(&p, constants, constant_count);
        find_ways(&p);
        done = find_merges(&p);
    }
    if (done)
        *count = write_shader(&p, pruned);
    free(p.ids);
    free(p.waiting);
    if (!done)
        free(pruned);
    return done ? pruned : NULL;
}
