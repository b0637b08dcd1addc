/*
 * Why: TOSA's convolution of three dimensions. The layers that a tap of the kernel meets become
 * channels side by side, and what is left to do is a convolution of two dimensions, whose kernels
 * are fast and, on integers, exact.
 */
#include "runtime/import_tosa.h"

enum { BATCH, DEPTH, HEIGHT, WIDTH, CHANNELS, RANK };
enum { TAPS_LIMIT = 1024 }; /* each is an operand of a node */

struct volume {
    int32_t padding[6], stride[3], dilation[3]; /* front, back, top, bottom, left, right; d, h, w */
    struct prt_tensor x, weight, y;
};

static enum percept_status read_volume(struct prt_tosa_call *call, struct volume *volume)
{
    struct prt_import *import = call->import;
    volume->x = *prt_tosa_input(call, 0);
    volume->weight = *prt_tosa_input(call, 1);
    volume->y = *prt_tosa_result(call);
    if (volume->x.rank != RANK || volume->weight.rank != RANK || volume->y.rank != RANK)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no five dimensions");
    enum percept_status status = prt_tosa_list(call, 0, volume->padding, 6);
    if (status == PERCEPT_OK)
        status = prt_tosa_list(call, 1, volume->stride, 3);
    if (status == PERCEPT_OK)
        status = prt_tosa_list(call, 2, volume->dilation, 3);
    if (status != PERCEPT_OK)
        return status;
    int64_t taps = volume->weight.sizes[DEPTH], layers = volume->y.sizes[DEPTH];
    if (taps > TAPS_LIMIT)
        return prt_import_fail(import, PERCEPT_LIMIT, "a kernel of %lld layers", (long long)taps);
    int64_t deep = (int64_t)volume->x.sizes[DEPTH] + volume->padding[0] + volume->padding[1];
    bool fits = taps >= 1 && layers >= 1 && volume->padding[0] >= 0 && volume->padding[1] >= 0 &&
                volume->stride[0] >= 1 && volume->dilation[0] >= 1 && deep <= INT32_MAX;
    /* As many layers as there is room for, as along the other dimensions. */
    int64_t room = deep - 1 - (taps - 1) * volume->dilation[0];
    if (!fits || room < 0 || room / volume->stride[0] + 1 != layers ||
        taps * volume->x.sizes[CHANNELS] > INT32_MAX ||
        (int64_t)volume->x.sizes[BATCH] * layers > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "its layers do not add up");
    return PERCEPT_OK;
}

/* x with layers of zeros (of zero points) before and after. */
static enum percept_status pad_depth(struct prt_tosa_call *call, const struct volume *volume,
                                     uint32_t *x)
{
    struct prt_import *import = call->import;
    struct prt_tensor spec = volume->x;
    struct prt_pad_attrs attrs = {0};
    int32_t zero = 0;
    *x = call->ids[0];
    if (volume->padding[0] == 0 && volume->padding[1] == 0)
        return PERCEPT_OK;
    enum percept_status status = PERCEPT_OK;
    if (spec.dtype == PRT_I8 || spec.dtype == PRT_I16)
        status = prt_tosa_zero(call, 3, &zero);
    attrs.before[DEPTH] = volume->padding[0];
    attrs.after[DEPTH] = volume->padding[1];
    attrs.value = zero;
    spec.sizes[DEPTH] += volume->padding[0] + volume->padding[1];
    uint32_t padded;
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &padded);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_PAD, padded, 1, x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pad = attrs;
    *x = padded;
    return PERCEPT_OK;
}

/* What each tap meets, of all results: layers of x, side by side as channels. */
static enum percept_status gather_layers(struct prt_import *import, const struct volume *volume,
                                         uint32_t x, uint32_t *images)
{
    int32_t taps = volume->weight.sizes[DEPTH], layers = volume->y.sizes[DEPTH];
    uint32_t *parts = base_arena_array(&import->arena, (size_t)taps, sizeof *parts), joined;
    if (!parts)
        return prt_import_no_memory(import);
    struct prt_tensor spec = volume->x;
    spec.sizes[DEPTH] = layers;
    enum percept_status status = PERCEPT_OK;
    for (int32_t i = 0; i < taps && status == PERCEPT_OK; i++) {
        int64_t first = (int64_t)i * volume->dilation[0];
        int64_t last = first + (int64_t)(layers - 1) * volume->stride[0];
        status = prt_import_temporary(import, &spec, &parts[i]);
        if (status == PERCEPT_OK)
            status = prt_aten_slice(import, x, DEPTH, first, last + 1, volume->stride[0], parts[i]);
    }
    spec.sizes[CHANNELS] *= taps;
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &joined);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CONCAT, joined, (unsigned)taps, parts);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.concat.axis = CHANNELS;
    const int32_t sizes[] = {spec.sizes[BATCH] * layers, spec.sizes[HEIGHT], spec.sizes[WIDTH],
                             spec.sizes[CHANNELS]};
    return prt_aten_as(import, joined, 4, sizes, images);
}

/* The weight [O, D, H, W, C] as [O, H, W, D * C]. */
static enum percept_status flat_weight(struct prt_import *import, const struct volume *volume,
                                       uint32_t weight, uint32_t *flat)
{
    static const uint8_t order[PRT_MAX_RANK] = {0, 2, 3, 1, 4};
    const int32_t *from = volume->weight.sizes;
    if ((int64_t)from[DEPTH] * from[CHANNELS] > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "a weight has too many channels");
    const int32_t moved[] = {from[0], from[HEIGHT], from[WIDTH], from[DEPTH], from[CHANNELS]};
    const int32_t sizes[] = {from[0], from[HEIGHT], from[WIDTH], from[DEPTH] * from[CHANNELS]};
    struct prt_tensor spec = prt_import_like(&volume->weight, RANK, moved);
    uint32_t turned;
    enum percept_status status = prt_import_temporary(import, &spec, &turned);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, weight, order, turned);
    return status == PERCEPT_OK ? prt_aten_as(import, turned, 4, sizes, flat) : status;
}

/* (input, weight, bias, input zero point, weight zero point); padding, stride, dilation */
static enum percept_status conv3d(struct prt_tosa_call *call, int kind)
{
    struct prt_import *import = call->import;
    struct volume volume;
    uint32_t ids[5] = {0}, x = PRT_NO_VALUE;
    enum percept_status status = read_volume(call, &volume);
    if (status == PERCEPT_OK)
        status = pad_depth(call, &volume, &x);
    if (status == PERCEPT_OK)
        status = gather_layers(import, &volume, x, &ids[0]);
    if (status == PERCEPT_OK)
        status = flat_weight(import, &volume, call->ids[1], &ids[1]);
    if (status != PERCEPT_OK)
        return status;
    const int32_t *to = volume.y.sizes;
    const int32_t sizes[] = {volume.x.sizes[BATCH] * to[DEPTH], to[HEIGHT], to[WIDTH],
                             to[CHANNELS]};
    struct prt_tensor spec = prt_import_like(&volume.y, 4, sizes);
    struct prt_tosa_call flat = *call;
    struct prt_integer_conv_attrs attrs = {.kind = (enum prt_integer_conv_kind)kind};
    for (int i = 0; i < 2; i++) {
        attrs.stride[i] = volume.stride[1 + i];
        attrs.dilation[i] = volume.dilation[1 + i];
        attrs.padding[2 * i] = volume.padding[2 + 2 * i];
        attrs.padding[2 * i + 1] = volume.padding[3 + 2 * i];
    }
    for (int i = 2; i < 5; i++)
        ids[i] = call->ids[i];
    flat.ids = ids;
    status = prt_import_temporary(import, &spec, &flat.y);
    if (status == PERCEPT_OK)
        status = prt_tosa_conv2d(&flat, &attrs);
    return status == PERCEPT_OK ? prt_import_reshape(import, flat.y, call->y) : status;
}

static const struct prt_tosa_op ops[] = {
    {4, "TOSA CONV3D", 5, conv3d, PRT_INTEGER_CONV},
};

const struct prt_tosa_table prt_tosa_volume = PRT_TOSA_TABLE(ops);
