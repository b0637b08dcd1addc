/* Why: everything that could lead out of the processor's memory is refused before it runs. */
#include "backends/dsp/firmware/programs.h"

#include "backends/dsp/firmware/local.h"
#include "base/checked.h"
#include "base/clock.h"

#include <stdlib.h>

#include "backends/dsp/firmware/no_floats.h"

struct dsp_loaded {
    struct dsp_tile *tiles; /* one a step */
    struct dsp_program program;
};

static const dsp_kernel kernels[DSP_OPS] = {
    [DSP_CONV] = dsp_run_conv,       [DSP_MATMUL] = dsp_run_matmul, [DSP_BINARY] = dsp_run_binary,
    [DSP_PRELU] = dsp_run_binary,    [DSP_TABLE] = dsp_run_table,   [DSP_POOL] = dsp_run_pool,
    [DSP_RESIZE] = dsp_run_resize,   [DSP_COPY] = dsp_run_copy,     [DSP_RESCALE] = dsp_run_rescale,
    [DSP_SOFTMAX] = dsp_run_softmax, [DSP_NORM] = dsp_run_norm,
};

static uint64_t space_bytes(const struct dsp_program *program, uint32_t space)
{
    return space == DSP_ARENA       ? program->arena.bytes
           : space == DSP_CONSTANTS ? program->constants.bytes
           : space == DSP_LOCAL     ? program->local
                                    : 0;
}

static bool operand_fits(const struct dsp_program *program, const struct dsp_operand *operand,
                         uint64_t bytes)
{
    if (bytes == 0)
        return operand->space == DSP_NOWHERE;
    return operand->space < DSP_SPACES && operand->bytes >= bytes &&
           base_range_inside(operand->offset, operand->bytes, space_bytes(program, operand->space));
}

/* What a step writes is not among the constants, and structures are copied from there. */
static const char *check_operands(const struct dsp_program *program, const struct dsp_step *step)
{
    struct dsp_step_bytes bytes = dsp_step_bytes(step);
    if (!operand_fits(program, &step->y, bytes.y) || step->y.space == DSP_CONSTANTS)
        return "a step's result lies outside of its memory";
    for (int i = 0; i < DSP_OPERANDS; i++)
        if (!operand_fits(program, &step->x[i], bytes.x[i]))
            return "a step's operand lies outside of its memory";
    if (step->op == DSP_CONV && step->x[2].space != DSP_CONSTANTS)
        return "a convolution's channels are no constants";
    return NULL;
}

static size_t tiles_begin(const struct dsp_program *program)
{
    return (size_t)(program->local + 15) & ~(size_t)15;
}

static const char *check_header(const struct dsp_processor *processor,
                                const struct dsp_program *program)
{
    uint64_t times = program->step_count * sizeof(struct dsp_time);
    if (!base_range_inside(program->arena.offset, program->arena.bytes, processor->shared_bytes) ||
        !base_range_inside(program->constants.offset, program->constants.bytes,
                           processor->shared_bytes) ||
        !base_range_inside(program->times, times, processor->shared_bytes) || program->times % 8)
        return "a program's memory is not in what is shared";
    if (program->local > processor->local_bytes || tiles_begin(program) > processor->local_bytes)
        return "a program's values do not fit into local memory";
    return NULL;
}

static const char *check_program(const struct dsp_processor *processor, struct dsp_loaded *loaded)
{
    const struct dsp_program *program = &loaded->program;
    const char *wrong = check_header(processor, program);
    for (uint32_t i = 0; i < program->step_count && !wrong; i++) {
        size_t least;
        wrong = dsp_step_check(&program->steps[i]);
        if (!wrong)
            wrong = check_operands(program, &program->steps[i]);
        if (!wrong &&
            !dsp_step_tile(&program->steps[i], processor->local_bytes - tiles_begin(program),
                           &loaded->tiles[i], &least))
            wrong = "a step does not fit into local memory";
    }
    return wrong;
}

static void destroy(struct dsp_loaded *loaded)
{
    if (loaded)
        free(loaded->tiles);
    free(loaded);
}

/* The host may change its copy at any time: the header is read once, then all of it once, and the
 * first header counts. */
static const char *copy_program(const struct dsp_processor *processor, uint64_t offset,
                                uint64_t bytes, struct dsp_loaded **copy)
{
    struct dsp_program head;
    if (!base_range_inside(offset, bytes, processor->shared_bytes) || bytes < sizeof head)
        return "a program is not in what is shared";
    memcpy(&head, processor->shared + offset, sizeof head);
    if (head.magic != DSP_MAGIC || head.version != DSP_VERSION)
        return "it is no program of this version";
    if (head.step_count > DSP_MAX_STEPS ||
        bytes != sizeof head + head.step_count * sizeof(struct dsp_step))
        return "a program is not as long as its steps";
    struct dsp_loaded *loaded =
        calloc(1, sizeof *loaded + head.step_count * sizeof(struct dsp_step));
    if (loaded)
        loaded->tiles = calloc(head.step_count + 1u, sizeof *loaded->tiles);
    if (!loaded || !loaded->tiles) {
        destroy(loaded);
        return "there is no memory for a program";
    }
    loaded->program = head;
    memcpy(loaded->program.steps, processor->shared + offset + sizeof head,
           head.step_count * sizeof(struct dsp_step));
    *copy = loaded;
    return NULL;
}

const char *dsp_load_program(struct dsp_processor *processor, uint64_t offset, uint64_t bytes,
                             uint64_t *handle)
{
    uint64_t free_place = 0;
    struct dsp_loaded *loaded = NULL;
    while (free_place < DSP_PROGRAMS && processor->programs[free_place])
        free_place++;
    if (free_place == DSP_PROGRAMS)
        return "there are as many programs as there can be";
    const char *wrong = copy_program(processor, offset, bytes, &loaded);
    if (!wrong)
        wrong = check_program(processor, loaded);
    if (wrong) {
        destroy(loaded);
        return wrong;
    }
    processor->programs[free_place] = loaded;
    *handle = free_place + 1;
    return NULL;
}

static struct dsp_loaded *find(const struct dsp_processor *processor, uint64_t handle)
{
    return handle >= 1 && handle <= DSP_PROGRAMS ? processor->programs[handle - 1] : NULL;
}

const char *dsp_run_program(struct dsp_processor *processor, uint64_t handle)
{
    const struct dsp_loaded *loaded = find(processor, handle);
    if (!loaded)
        return "there is no such program";
    const struct dsp_program *program = &loaded->program;
    struct dsp_time *times = (struct dsp_time *)(void *)(processor->shared + program->times);
    struct dsp_work work = {
        .spaces = {NULL, processor->shared + program->arena.offset,
                   processor->shared + program->constants.offset, processor->local},
        .tiles = processor->local + tiles_begin(program),
        .tiles_bytes = processor->local_bytes - tiles_begin(program),
    };
    for (uint32_t i = 0; i < program->step_count; i++) {
        const struct dsp_step *step = &program->steps[i];
        times[i].start = (uint64_t)base_clock_ns();
        work.used = 0;
        kernels[step->op](step, &loaded->tiles[i], &work);
        times[i].end = (uint64_t)base_clock_ns();
    }
    return NULL;
}

const char *dsp_unload_program(struct dsp_processor *processor, uint64_t handle)
{
    if (!find(processor, handle))
        return "there is no such program";
    destroy(processor->programs[handle - 1]);
    processor->programs[handle - 1] = NULL;
    return NULL;
}

void dsp_unload_all(struct dsp_processor *processor)
{
    for (uint64_t i = 0; i < DSP_PROGRAMS; i++) {
        destroy(processor->programs[i]);
        processor->programs[i] = NULL;
    }
}
