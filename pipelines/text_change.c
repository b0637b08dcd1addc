/* Why: a sign on a wall does not change, and finding text is the dearest thing to do with it. */
#include "pipelines/text_change.h"

#include "base/thread_pool.h"

#include <stdlib.h>
#include <string.h>

struct pipe_text_change {
    uint32_t width, height; /* of the picture that is kept; 0: none */
    float kept[PIPE_CHANGE_CELLS * PIPE_CHANGE_CELLS];
    float now[PIPE_CHANGE_CELLS * PIPE_CHANGE_CELLS];
};

enum percept_status pipe_text_change_create(struct pipe_text_change **result,
                                            struct percept_error *error)
{
    struct pipe_text_change *change = calloc(1, sizeof *change);
    if (!change)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    *result = change;
    return PERCEPT_OK;
}

void pipe_text_change_destroy(struct pipe_text_change *change)
{
    free(change);
}

void pipe_text_change_forget(struct pipe_text_change *change)
{
    change->width = 0;
}

/* Sums of green over a row of squares, `side` pixels a square but for the last. */
static void add_row(const uint8_t *row, uint32_t width, uint32_t side, uint32_t *sums)
{
    for (uint32_t begin = 0, cell = 0; begin < width; begin += side, cell++) {
        uint32_t end = width - begin < side ? width : begin + side, sum = 0;
        for (uint32_t x = begin; x < end; x++)
            sum += row[3 * x + 1];
        sums[cell] += sum;
    }
}

/* Returns how many squares there are. */
static size_t measure(const struct pipe_frame *frame, float *means)
{
    uint32_t longer = frame->width > frame->height ? frame->width : frame->height;
    uint32_t side = (longer + PIPE_CHANGE_CELLS - 1) / PIPE_CHANGE_CELLS;
    uint32_t across = (frame->width + side - 1) / side;
    size_t count = 0;
    for (uint32_t top = 0; top < frame->height; top += side) {
        base_pool_pause();
        uint32_t sums[PIPE_CHANGE_CELLS] = {0};
        uint32_t bottom = frame->height - top < side ? frame->height : top + side;
        for (uint32_t y = top; y < bottom; y++)
            add_row(frame->pixels + (size_t)y * frame->stride, frame->width, side, sums);
        for (uint32_t cell = 0; cell < across; cell++) {
            uint32_t left = cell * side;
            uint32_t columns = frame->width - left < side ? frame->width - left : side;
            means[count++] = (float)sums[cell] / (float)(columns * (bottom - top));
        }
    }
    return count;
}

bool pipe_text_change_found(struct pipe_text_change *change, const struct pipe_frame *frame,
                            float levels)
{
    bool found = frame->width != change->width || frame->height != change->height;
    size_t count = measure(frame, change->now);
    for (size_t i = 0; i < count && !found; i++) {
        float difference = change->now[i] - change->kept[i];
        found = difference > levels || difference < -levels;
    }
    if (!found)
        return false;
    memcpy(change->kept, change->now, count * sizeof change->now[0]);
    change->width = frame->width;
    change->height = frame->height;
    return true;
}
