/* Why: what one layer leaves for the next need not go to shared memory and back, as long as the
 * tiles of the layers still fit beside it. */
#include "backends/dsp/segment.h"

enum { ALIGNMENT = 64, LEAST_BUDGET = 1024 };

static bool meet(size_t a, size_t a_end, size_t b, size_t b_end)
{
    return a < b_end && b < a_end;
}

/* The lowest offset at which nothing lies that lives at the same time. */
static size_t lowest(const struct prt_segment *segment, uint32_t until, const struct dsp_root *root)
{
    size_t offset = 0;
    for (uint32_t t = 0; t < until; t++) {
        const struct dsp_root *other = &segment->roots[segment->touched[t]];
        if (other->space != DSP_LOCAL || other->first > root->last || root->first > other->last ||
            !meet(offset, offset + root->bytes, other->offset, other->offset + other->bytes))
            continue;
        offset = (other->offset + other->bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
        t = UINT32_MAX; /* look at all of them again */
    }
    return offset;
}

/* Let values that only this segment sees stay, as far as the budget goes. */
static void settle(struct prt_segment *segment, size_t budget)
{
    segment->local_bytes = 0;
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        uint32_t id = segment->touched[t];
        struct dsp_root *root = &segment->roots[id];
        if (root->space == DSP_CONSTANTS || root->enters || root->leaves)
            continue;
        root->space = DSP_ARENA;
        root->offset = segment->places[id].offset;
        if (root->bytes > budget)
            continue;
        size_t offset = lowest(segment, t, root);
        if (offset > budget - root->bytes)
            continue;
        root->space = DSP_LOCAL;
        root->offset = offset;
        if (offset + root->bytes > segment->local_bytes)
            segment->local_bytes = offset + root->bytes;
    }
}

static void place(const struct prt_segment *segment, uint32_t value, struct dsp_operand *operand)
{
    if (value == PRT_NO_VALUE)
        return;
    operand->space = segment->roots[segment->places[value].root].space;
    operand->offset = dsp_root_offset(segment, value);
}

/* The first step whose tiles do not fit; NULL when all do. */
static const struct dsp_segment_step *misfit(struct prt_segment *segment, size_t memory,
                                             size_t *least)
{
    for (uint32_t i = 0; i < segment->step_count; i++) {
        struct dsp_lowered *lowered = &segment->steps[i].lowered;
        struct dsp_tile tile;
        place(segment, lowered->y, &lowered->step.y);
        for (int k = 0; k < DSP_OPERANDS; k++)
            place(segment, lowered->x[k], &lowered->step.x[k]);
        if (!dsp_step_tile(&lowered->step, memory, &tile, least))
            return &segment->steps[i];
    }
    return NULL;
}

enum percept_status dsp_find_residents(struct prt_segment *segment, size_t memory,
                                       struct percept_error *error)
{
    for (size_t budget = memory / 2;; budget = budget / 2 < LEAST_BUDGET ? 0 : budget / 2) {
        size_t least = 0;
        settle(segment, budget);
        size_t held = (segment->local_bytes + 15) & ~(size_t)15;
        const struct dsp_segment_step *step = misfit(segment, memory - held, &least);
        if (!step)
            return PERCEPT_OK;
        if (budget)
            continue;
        const struct prt_node *node = &segment->graph->nodes[segment->nodes[step->node]];
        return percept_fail(error, PERCEPT_LIMIT,
                            "dsp: %s needs %zu bytes of tightly-coupled memory, there are %zu",
                            node->name ? node->name : prt_op_name(node->op), least, memory);
    }
}
