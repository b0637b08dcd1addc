/* Why: what a net has learned to tell apart goes through the same aggregation as the census, which
 * keeps edges sharp. */
#include "pipelines/stereo_net.h"

#include "base/checked.h"
#include "pipelines/disparity.h"
#include "pipelines/sgm.h"
#include "pipelines/sgm_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BAND          8
#define MOST_CHANNELS 128
#define MULTIPLE      32 /* of disparities: what the kernels take */

struct stereo_costs {
    struct pipe_model *model;
    struct stereo_net_size size;
    struct base_pool *pool;
    size_t channels;
    float
        *reversed; /* of a row of the right eye, channels * (width + disparities); a worker each */
    float *row;    /* of a row of the left eye, channels * width; a worker each */
    float *sums;   /* disparities; a worker each */
    bool halved;   /* features are of half the size */
    size_t width, height; /* of the features */
    size_t disparities;   /* of the features, a multiple of what the kernels take */
    uint8_t *learned; /* halved: costs of a row of features, width * disparities; a worker each */
    /* Of the run in progress. */
    const float *left, *right;
    uint8_t *out;
};

/* Is it float32 [1, channels, height, width], row-major? channels 0: any number, which is given. */
static bool is_image(const struct prt_tensor *spec, const struct stereo_net_size *size,
                     size_t *channels)
{
    bool image = spec && spec->dtype == PRT_F32 && spec->rank == 4 && spec->sizes[0] == 1 &&
                 (uint32_t)spec->sizes[2] == size->height &&
                 (uint32_t)spec->sizes[3] == size->width && prt_tensor_is_contiguous(spec);
    if (!image || spec->sizes[1] < 1 || spec->sizes[1] > MOST_CHANNELS ||
        (*channels && (size_t)spec->sizes[1] != *channels))
        return false;
    *channels = (size_t)spec->sizes[1];
    return true;
}

/* Inputs and outputs that all are such images, of so many channels; 0: of any, all the same.
 * Outputs may be of another size. */
static enum percept_status check(struct pipe_model *model, const struct stereo_net_size *in_size,
                                 const struct stereo_net_size *out_size, const size_t *inputs,
                                 size_t input_count, size_t *outputs, size_t output_count,
                                 struct percept_error *error)
{
    struct prt_model *prt = pipe_model_prt(model);
    char text[160];
    if (prt_model_input_count(prt) != input_count || prt_model_output_count(prt) != output_count)
        return percept_fail(
            error, PERCEPT_INVALID, "a net of %zu inputs and %zu outputs; expected %zu and %zu",
            prt_model_input_count(prt), prt_model_output_count(prt), input_count, output_count);
    for (size_t i = 0; i < input_count + output_count; i++) {
        bool in = i < input_count;
        size_t index = in ? i : i - input_count, channels = in ? inputs[i] : *outputs;
        const struct stereo_net_size *size = in ? in_size : out_size;
        const struct prt_tensor *spec =
            in ? prt_model_input_spec(prt, index) : prt_model_output_spec(prt, index);
        if (!is_image(spec, size, &channels))
            return percept_fail(error, PERCEPT_INVALID,
                                "%s %zu of the net is %s; expected float32 [1, %zu, %u, %u]",
                                in ? "input" : "output", index,
                                prt_tensor_describe(spec, text, sizeof text), channels,
                                size->height, size->width);
        if (!in)
            *outputs = channels;
    }
    return PERCEPT_OK;
}

/* ---- costs ---- */

void stereo_costs_destroy(struct stereo_costs *c)
{
    if (!c)
        return;
    free(c->reversed);
    free(c->row);
    free(c->sums);
    free(c->learned);
    free(c);
}

/* Are the first output's sides half of the image's? */
static bool is_halved(struct pipe_model *model, const struct stereo_net_size *size)
{
    struct prt_model *prt = pipe_model_prt(model);
    const struct prt_tensor *spec =
        prt_model_output_count(prt) ? prt_model_output_spec(prt, 0) : NULL;
    return spec && spec->rank == 4 && size->width % 2 == 0 && size->height % 2 == 0 &&
           (uint32_t)spec->sizes[2] == size->height / 2 &&
           (uint32_t)spec->sizes[3] == size->width / 2;
}

enum percept_status stereo_costs_create(struct pipe_model *model,
                                        const struct stereo_net_size *size, struct base_pool *pool,
                                        struct stereo_costs **costs, struct percept_error *error)
{
    static const size_t inputs[] = {3, 3};
    size_t channels = 0;
    bool halved = is_halved(model, size);
    struct stereo_net_size features = *size;
    if (halved) {
        features.width /= 2;
        features.height /= 2;
        features.disparities = (features.disparities / 2 + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
    }
    enum percept_status status = check(model, size, &features, inputs, 2, &channels, 2, error);
    if (status != PERCEPT_OK)
        return status;
    struct stereo_costs *c = calloc(1, sizeof *c);
    if (!c)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    size_t workers = pool ? base_pool_threads(pool) : 1;
    c->model = model;
    c->size = *size;
    c->pool = pool;
    c->channels = channels;
    c->halved = halved;
    c->width = features.width;
    c->height = features.height;
    c->disparities = features.disparities;
    c->reversed = calloc(workers * channels * (c->width + c->disparities), sizeof(float));
    c->row = calloc(workers * channels * c->width, sizeof(float));
    c->sums = calloc(workers * c->disparities, sizeof(float));
    c->learned = halved ? calloc(workers, c->width * c->disparities) : NULL;
    if (!c->reversed || !c->row || !c->sums || (halved && !c->learned)) {
        stereo_costs_destroy(c);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *costs = c;
    return PERCEPT_OK;
}

static void fill_image(const struct rectifier *rectifier, unsigned eye, size_t pixels, float *out)
{
    for (unsigned channel = 0; channel < 3; channel++) {
        const uint8_t *restrict plane = rectifier_plane(rectifier, eye, channel);
        float *restrict to = out + channel * pixels;
        for (size_t i = 0; i < pixels; i++)
            to[i] = (float)plane[i] * (1.0F / 255);
    }
}

/* Costs of a row of features for the two rows of pixels, and each for two pixels, that it is of:
 * even disparities are the features' own, odd ones lie between two. */
static void enlarge(const struct stereo_costs *c, const uint8_t *learned, size_t y)
{
    const size_t width = c->size.width, disparities = c->size.disparities, half = disparities / 2;
    const unsigned share = (unsigned)(c->size.share * 256 + 0.5F);
    uint8_t between[SGM_MAX_DISPARITIES];
    for (size_t x = 0; x < c->width; x++) {
        const uint8_t *from = learned + x * c->disparities;
        for (size_t d = 0; d < half; d++) {
            between[2 * d] = from[d];
            between[2 * d + 1] = (uint8_t)((from[d] + from[d + 1 < half ? d + 1 : d] + 1) / 2);
        }
        for (size_t pixel = 0; pixel < 4; pixel++) {
            size_t at = (2 * y + pixel / 2) * width + 2 * x + pixel % 2;
            uint8_t *restrict to = c->out + at * disparities;
            for (size_t d = 0; d < disparities; d++) {
                unsigned cost = ((to[d] * share + 128) >> 8) + between[d];
                to[d] = (uint8_t)(cost < SGM_MAX_COST ? cost : SGM_MAX_COST);
            }
        }
    }
}

static void cost_band(void *context, size_t band, unsigned worker)
{
    const struct stereo_costs *c = context;
    const size_t width = c->width, disparities = c->disparities;
    const size_t pixels = width * c->height, pitch = width + disparities;
    float *reversed = c->reversed + worker * c->channels * pitch;
    float *row = c->row + worker * c->channels * width;
    uint8_t *learned = c->halved ? c->learned + worker * width * disparities : NULL;
    for (size_t y = band * BAND; y < (band + 1) * BAND && y < c->height; y++) {
        for (size_t channel = 0; channel < c->channels; channel++) {
            const size_t at = channel * pixels + y * width;
            for (size_t x = 0; x < width; x++)
                reversed[channel * pitch + x] = c->right[at + width - 1 - x];
            /* A pixel's channels, a whole plane apart, may share few lines of the cache. */
            memcpy(row + channel * width, c->left + at, width * sizeof *row);
        }
        const struct sgm_features features = {
            .left = row,
            .left_pitch = width,
            .right = reversed,
            .channels = c->channels,
            .width = width,
            .disparities = disparities,
            .share = c->halved ? 0 : c->size.share,
            .scale = c->size.scale,
            .none = c->size.none,
            .most = SGM_MAX_COST,
            .sums = c->sums + worker * disparities,
            .costs = c->halved ? learned : c->out + y * width * disparities,
        };
        sgm_kernels_here()->features(&features);
        if (c->halved)
            enlarge(c, learned, y);
    }
}

enum percept_status stereo_costs_run(struct stereo_costs *c, const struct rectifier *rectifier,
                                     uint8_t *out, struct percept_error *error)
{
    struct prt_model *prt = pipe_model_prt(c->model);
    size_t pixels = (size_t)c->size.width * c->size.height, out_pixels = c->width * c->height;
    fill_image(rectifier, 0, pixels, prt_model_input_data(prt, 0));
    fill_image(rectifier, 1, pixels, prt_model_input_data(prt, 1));
    enum percept_status status = pipe_model_run(c->model, error);
    if (status == PERCEPT_OK)
        status = pipe_model_output(c->model, 0, c->channels * out_pixels, &c->left, error);
    if (status == PERCEPT_OK)
        status = pipe_model_output(c->model, 1, c->channels * out_pixels, &c->right, error);
    if (status != PERCEPT_OK)
        return status;
    c->out = out;
    base_pool_run(c->pool, (c->height + BAND - 1) / BAND, cost_band, c);
    return PERCEPT_OK;
}

/* ---- refinement ---- */

enum percept_status stereo_refine_check(struct pipe_model *model,
                                        const struct stereo_net_size *size,
                                        struct percept_error *error)
{
    static const size_t inputs[] = {3, 1, 1};
    size_t channels = 1;
    return check(model, size, size, inputs, 3, &channels, 2, error);
}

/* A net may be wrong, but a map holds numbers. */
static float within(float value, float most)
{
    return value > 0 ? value < most ? value : most : 0;
}

enum percept_status stereo_refine_run(struct pipe_model *model, const struct stereo_net_size *size,
                                      const struct rectifier *rectifier, float *disparity,
                                      uint8_t *confidence, struct percept_error *error)
{
    struct prt_model *prt = pipe_model_prt(model);
    size_t pixels = (size_t)size->width * size->height;
    float *confidence_in = prt_model_input_data(prt, 2);
    const float *disparity_out, *confidence_out;
    fill_image(rectifier, 0, pixels, prt_model_input_data(prt, 0));
    memcpy(prt_model_input_data(prt, 1), disparity, pixels * sizeof *disparity);
    for (size_t i = 0; i < pixels; i++)
        confidence_in[i] = confidence[i] > DISPARITY_FILLED ? (float)confidence[i] / 255 : 0;
    enum percept_status status = pipe_model_run(model, error);
    if (status == PERCEPT_OK)
        status = pipe_model_output(model, 0, pixels, &disparity_out, error);
    if (status == PERCEPT_OK)
        status = pipe_model_output(model, 1, pixels, &confidence_out, error);
    if (status != PERCEPT_OK)
        return status;
    for (size_t i = 0; i < pixels; i++) {
        disparity[i] = within(disparity_out[i], (float)(size->disparities - 1));
        float sure = within(confidence_out[i], 1) * 254;
        if (confidence[i])
            confidence[i] = (uint8_t)(DISPARITY_FILLED + lrintf(sure));
    }
    return PERCEPT_OK;
}
