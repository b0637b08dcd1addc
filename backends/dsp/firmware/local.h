/*
 * The processor's own memory while a step runs, and the copies that a DMA engine would make. Values
 * that only the program sees lie in it throughout; the rest is for tiles.
 */
#ifndef BACKENDS_DSP_FIRMWARE_LOCAL_H
#define BACKENDS_DSP_FIRMWARE_LOCAL_H

#include "backends/dsp/fixed.h"
#include "backends/dsp/step.h"

#include <string.h>

struct dsp_work {
    unsigned char *spaces[DSP_SPACES]; /* where each begins, for this program */
    unsigned char *tiles;              /* 16-byte aligned */
    size_t tiles_bytes, used;
};

/* Room in local memory. dsp_step_tile has seen to it that there is. */
static inline unsigned char *dsp_take(struct dsp_work *work, size_t bytes)
{
    unsigned char *taken = work->tiles + work->used;
    work->used += (bytes + 15) & ~(size_t)15;
    return taken;
}

static inline unsigned char *dsp_at(const struct dsp_work *work, const struct dsp_operand *operand,
                                    size_t offset)
{
    return work->spaces[operand->space] + operand->offset + offset;
}

/* Bytes of an operand, in local memory. */
static inline const unsigned char *
dsp_stage(struct dsp_work *work, const struct dsp_operand *operand, size_t offset, size_t bytes)
{
    const unsigned char *from = dsp_at(work, operand, offset);
    return operand->space == DSP_LOCAL ? from : memcpy(dsp_take(work, bytes), from, bytes);
}

/* A part of an operand that may lie in a tile: `count` pieces of `bytes` bytes, `pitch` apart. */
struct dsp_piece {
    unsigned char *data; /* in local memory */
    size_t step;         /* from piece to piece there */
    unsigned char *home; /* where it belongs; data itself, if that is local */
    size_t count, bytes, pitch;
};

static inline struct dsp_piece dsp_piece_of(struct dsp_work *work,
                                            const struct dsp_operand *operand, size_t offset,
                                            size_t count, size_t bytes, size_t pitch)
{
    unsigned char *home = dsp_at(work, operand, offset);
    if (operand->space == DSP_LOCAL)
        return (struct dsp_piece){home, pitch, home, count, bytes, pitch};
    return (struct dsp_piece){dsp_take(work, count * bytes), bytes, home, count, bytes, pitch};
}

static inline void dsp_piece_in(const struct dsp_piece *piece)
{
    for (size_t i = 0; piece->data != piece->home && i < piece->count; i++)
        memcpy(piece->data + i * piece->step, piece->home + i * piece->pitch, piece->bytes);
}

static inline void dsp_piece_out(const struct dsp_piece *piece)
{
    for (size_t i = 0; piece->data != piece->home && i < piece->count; i++)
        memcpy(piece->home + i * piece->pitch, piece->data + i * piece->step, piece->bytes);
}

/* Numbers of more than a byte lie wherever the host puts them. */
static inline int32_t dsp_load_half(const void *codes, uint32_t is_unsigned, size_t i)
{
    uint16_t code;
    memcpy(&code, (const unsigned char *)codes + i * sizeof code, sizeof code);
    return is_unsigned ? code : (int16_t)code;
}

static inline int32_t dsp_load(const void *codes, uint32_t type, size_t i)
{
    if (type >= DSP_I16)
        return dsp_load_half(codes, type == DSP_U16, i);
    return type == DSP_U8 ? ((const uint8_t *)codes)[i] : ((const int8_t *)codes)[i];
}

static inline void dsp_store(void *to, uint32_t type, size_t i, int32_t code)
{
    uint16_t half = (uint16_t)code;
    if (type >= DSP_I16)
        memcpy((unsigned char *)to + i * sizeof half, &half, sizeof half);
    else
        ((unsigned char *)to)[i] = (unsigned char)code;
}

static inline int32_t dsp_load_wide(const void *from, size_t i)
{
    int32_t number;
    memcpy(&number, (const unsigned char *)from + i * sizeof number, sizeof number);
    return number;
}

static inline void dsp_store_wide(void *to, size_t i, int64_t number)
{
    int32_t low = (int32_t)(uint32_t)(uint64_t)number;
    memcpy((unsigned char *)to + i * sizeof low, &low, sizeof low);
}

/* Run a step that was checked. */
typedef void (*dsp_kernel)(const struct dsp_step *step, const struct dsp_tile *tile,
                           struct dsp_work *work);
void dsp_run_conv(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work);
void dsp_run_matmul(const struct dsp_step *step, const struct dsp_tile *tile,
                    struct dsp_work *work);
void dsp_run_binary(const struct dsp_step *step, const struct dsp_tile *tile,
                    struct dsp_work *work); /* and PRELU */
void dsp_run_table(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work);
void dsp_run_pool(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work);
void dsp_run_resize(const struct dsp_step *step, const struct dsp_tile *tile,
                    struct dsp_work *work);
void dsp_run_rescale(const struct dsp_step *step, const struct dsp_tile *tile,
                     struct dsp_work *work);
void dsp_run_softmax(const struct dsp_step *step, const struct dsp_tile *tile,
                     struct dsp_work *work);
void dsp_run_norm(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work);
void dsp_run_copy(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work);

#endif
