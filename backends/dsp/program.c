/* Why: what a segment keeps in shared memory: its program, the constants that it streams, its
 * arena, and the times that the processor notes. */
#include "backends/dsp/segment.h"

#include "base/checked.h"

#include <string.h>

static unsigned char *shared(const struct prt_segment *segment, size_t offset)
{
    return (unsigned char *)dsp_link_at(segment->link, segment->block) + offset;
}

/* Constants that the steps make lie behind those of the graph. */
static bool place_made(struct prt_segment *segment)
{
    for (uint32_t i = 0; i < segment->step_count; i++) {
        struct dsp_lowered *lowered = &segment->steps[i].lowered;
        for (int k = 0; k < DSP_OPERANDS; k++) {
            size_t offset;
            if (lowered->x[k] != PRT_NO_VALUE || lowered->step.x[k].space != DSP_CONSTANTS)
                continue;
            if (!base_align_size(segment->constants_bytes, 64, &offset) ||
                !base_add_size(offset, lowered->step.x[k].bytes, &segment->constants_bytes))
                return false;
            lowered->step.x[k].offset = offset;
        }
    }
    return true;
}

static size_t program_bytes(const struct prt_segment *segment)
{
    return sizeof(struct dsp_program) + segment->step_count * sizeof(struct dsp_step);
}

/* One after the other: program, times, constants, arena. */
static bool lay_out(struct prt_segment *segment)
{
    const size_t sizes[] = {program_bytes(segment), segment->step_count * sizeof(struct dsp_time),
                            segment->constants_bytes, segment->arena_bytes};
    size_t *const offsets[] = {&segment->program, &segment->times, &segment->constants,
                               &segment->arena};
    size_t end = 0;
    for (int i = 0; i < 4; i++) {
        if (!base_align_size(end, 64, offsets[i]) || !base_add_size(*offsets[i], sizes[i], &end))
            return false;
    }
    segment->block_bytes = end;
    return true;
}

static enum percept_status write_constants(const struct prt_segment *segment,
                                           struct percept_error *error)
{
    unsigned char *constants = shared(segment, segment->constants);
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct dsp_root *root = &segment->roots[segment->touched[t]];
        if (root->space == DSP_CONSTANTS)
            memcpy(constants + root->offset, segment->graph->values[segment->touched[t]].data,
                   root->bytes);
    }
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < segment->step_count; i++) {
        const struct dsp_segment_step *step = &segment->steps[i];
        const struct dsp_lowering lowering = {
            segment->graph, &segment->graph->nodes[segment->nodes[step->node]], step->part, true};
        for (unsigned k = 0; k < DSP_OPERANDS && status == PERCEPT_OK; k++) {
            const struct dsp_operand *operand = &step->lowered.step.x[k];
            if (step->lowered.x[k] == PRT_NO_VALUE && operand->space == DSP_CONSTANTS)
                status = dsp_lower_constant(&lowering, &step->lowered, k,
                                            constants + operand->offset, error);
        }
    }
    return status;
}

static void write_program(const struct prt_segment *segment)
{
    struct dsp_program *program = (struct dsp_program *)(void *)shared(segment, segment->program);
    *program = (struct dsp_program){
        .magic = DSP_MAGIC,
        .version = DSP_VERSION,
        .step_count = segment->step_count,
        .arena = {segment->block + segment->arena, segment->arena_bytes},
        .constants = {segment->block + segment->constants, segment->constants_bytes},
        .local = segment->local_bytes,
        .times = segment->block + segment->times,
    };
    for (uint32_t i = 0; i < segment->step_count; i++)
        program->steps[i] = segment->steps[i].lowered.step;
}

enum percept_status dsp_lay_out_segment(struct prt_segment *segment, struct percept_error *error)
{
    if (segment->step_count > DSP_MAX_STEPS || !place_made(segment) || !lay_out(segment))
        return percept_fail(error, PERCEPT_LIMIT, "dsp: a segment of %u steps is too large",
                            segment->step_count);
    return PERCEPT_OK;
}

enum percept_status dsp_put_segment(struct prt_segment *segment, struct percept_error *error)
{
    struct dsp_reply reply;
    enum percept_status status =
        dsp_link_take(segment->link, segment->block_bytes, &segment->block, error);
    segment->has_block = status == PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = write_constants(segment, error);
    if (status != PERCEPT_OK)
        return status;
    write_program(segment);
    status = dsp_link_ask(segment->link, DSP_LOAD, segment->block + segment->program,
                          program_bytes(segment), &reply, error);
    if (status == PERCEPT_OK)
        segment->handle = reply.a;
    return status;
}

void dsp_leave_link(struct prt_segment *segment)
{
    struct dsp_reply reply;
    if (segment->handle)
        (void)dsp_link_ask(segment->link, DSP_UNLOAD, segment->handle, 0, &reply, NULL);
    if (segment->has_block)
        dsp_link_return(segment->link, segment->block, segment->block_bytes);
    dsp_link_release(segment->link);
    segment->handle = 0;
    segment->has_block = false;
    segment->link = NULL;
}
