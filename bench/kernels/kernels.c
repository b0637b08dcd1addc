/*
 * Times the convolution kernels on the layers of the hand models, alone: no graph, no other ops.
 *
 *     bench_kernels [--int8] [--plain] [--threads N] [--rounds N] [--layers | --json] [MODEL]
 *
 * Each round runs all layers of a model in order, each on what the one before wrote, in three
 * buffers that take turns, so that caches are as they are in the model. Prints the least time of
 * each layer (--layers) and of a whole round, and the rate in multiply-adds; --json prints one
 * object a model.
 */
#include "backends/cpu/conv.h"
#include "base/clock.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape { DENSE, DEPTHWISE };

struct layer {
    const char *model; /* set: a model starts here */
    int32_t input, input_channels, output, output_channels, kernel, stride;
    enum shape shape;
    enum prt_activation_kind act;
    bool residual;
};

static const struct layer layers[] = {
#define MODEL(name) {.model = #name},
#define LAYER(input, input_channels, output, output_channels, kernel, stride, shape, act, \
              residual)                                                                   \
    {NULL,   input,  input_channels, output,        output_channels,                      \
     kernel, stride, shape,          PRT_ACT_##act, residual},
#include "layers.inc"
#undef LAYER
#undef MODEL
};

enum { LAYER_COUNT = sizeof layers / sizeof layers[0] };

struct options {
    bool int8, plain, each, json;
    unsigned threads;
    int rounds;
    const char *model;
};

struct timed {
    struct cpu_conv *conv;
    double macs, least_us;
    size_t bytes; /* the larger of x and y */
};

static enum cpu_isa isa_of(const struct options *options)
{
    return options->plain ? CPU_ISA_PLAIN : cpu_isa_best();
}

static void *random_bytes(size_t size, bool floats)
{
    uint8_t *bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!bytes)
        abort();
    for (size_t i = 0; i < size / (floats ? 4 : 1); i++) {
        if (floats)
            ((float *)(void *)bytes)[i] = (float)(i * 7919 % 201) / 100 - 1;
        else
            bytes[i] = (uint8_t)(i * 7919 % 251);
    }
    return bytes;
}

static void prepare(const struct layer *layer, const struct options *options, struct timed *timed)
{
    int32_t pad = (layer->output - 1) * layer->stride + layer->kernel - layer->input;
    pad = pad > 0 ? pad : 0;
    bool depthwise = layer->shape == DEPTHWISE;
    struct cpu_conv_spec spec = {
        .isa = isa_of(options),
        .threads = options->threads,
        .dtype = options->int8 ? PRT_I8 : PRT_F32,
        .batch = 1,
        .input = {layer->input, layer->input, layer->input_channels},
        .output = {layer->output, layer->output, layer->output_channels},
        .kernel = {layer->kernel, layer->kernel},
        .attrs = {.stride = {layer->stride, layer->stride},
                  .dilation = {1, 1},
                  .padding = {pad / 2, pad - pad / 2, pad / 2, pad - pad / 2},
                  .groups = depthwise ? layer->input_channels : 1,
                  .act = {.kind = layer->act, .lo = 0, .hi = 6}},
        .residual = layer->residual,
        .x = {0.05f, 1},
        .r = {0.05f, 2},
        .y = {0.05f, 3},
    };
    size_t element = options->int8 ? 1 : 4, outputs = (size_t)layer->output_channels;
    size_t depth =
        (size_t)(layer->kernel * layer->kernel) * (depthwise ? 1 : (size_t)layer->input_channels);
    size_t x_bytes = (size_t)layer->input * (size_t)layer->input * (size_t)layer->input_channels;
    size_t pixels = (size_t)layer->output * (size_t)layer->output;
    void *weight = random_bytes(depth * outputs * element, !options->int8);
    float *floats = random_bytes(outputs * 4, true);
    float scale = 0.01f;
    struct cpu_conv_weights weights = {.weight = weight,
                                       .bias = floats,
                                       .bias_dtype = PRT_F32,
                                       .scales = &scale,
                                       .scale_count = 1,
                                       .slope = floats,
                                       .slope_count = (uint32_t)outputs};
    cpu_conv_strides_nhwc(&spec, weights.strides);
    struct percept_error error;
    if (cpu_conv_create(&spec, &weights, &timed->conv, &error) != PERCEPT_OK) {
        fprintf(stderr, "bench_kernels: %s\n", error.message);
        exit(EXIT_FAILURE);
    }
    free(weight);
    free(floats);
    size_t y_bytes = pixels * outputs;
    timed->bytes = (x_bytes > y_bytes ? x_bytes : y_bytes) * element;
    timed->macs = (double)(pixels * outputs * depth);
    timed->least_us = 1e30;
}

static void measure(size_t first, const struct options *options)
{
    static struct timed timed[LAYER_COUNT];
    size_t end = first + 1, scratch_bytes = 64, bytes = 0;
    double macs = 0, least_us = 1e30;
    for (; end < LAYER_COUNT && !layers[end].model; end++) {
        prepare(&layers[end], options, &timed[end]);
        size_t needed = cpu_conv_scratch_bytes(timed[end].conv);
        scratch_bytes = needed > scratch_bytes ? needed : scratch_bytes;
        bytes = timed[end].bytes > bytes ? timed[end].bytes : bytes;
        macs += timed[end].macs;
    }
    void *scratch = aligned_alloc(64, scratch_bytes);
    void *buffers[3];
    for (int i = 0; i < 3; i++)
        buffers[i] = random_bytes(bytes, !options->int8);
    struct base_pool *pool = NULL;
    if (!scratch || base_pool_create(options->threads, &pool, NULL) != PERCEPT_OK)
        abort();

    for (int round = 0; round < options->rounds; round++) {
        double round_us = 0;
        for (size_t i = first + 1; i < end; i++) {
            struct timed *t = &timed[i];
            const void *residual = layers[i].residual ? buffers[(i + 2) % 3] : NULL;
            int64_t start = base_clock_ns();
            cpu_conv_run(t->conv, buffers[i % 3], residual, buffers[(i + 1) % 3], scratch, pool);
            double us = (double)(base_clock_ns() - start) / 1e3;
            t->least_us = us < t->least_us ? us : t->least_us;
            round_us += us;
        }
        least_us = round_us < least_us ? round_us : least_us;
    }
    double sum_us = 0;
    for (size_t i = first + 1; i < end; i++) {
        const struct layer *l = &layers[i];
        struct timed *t = &timed[i];
        sum_us += t->least_us;
        if (options->each)
            printf("%3d x %4d -> %3d x %4d  kernel %d stride %d  %-22s %8.1f us %6.1f GMAC/s\n",
                   l->input, l->input_channels, l->output, l->output_channels, l->kernel, l->stride,
                   cpu_conv_kernel(t->conv), t->least_us, t->macs / t->least_us / 1e3);
        cpu_conv_destroy(t->conv);
    }
    if (options->json)
        printf("{\"model\": \"%s\", \"dtype\": \"%s\", \"isa\": \"%s\", \"threads\": %u, "
               "\"round_ms\": %.4f, \"least_ms\": %.4f, \"gmac_per_s\": %.2f}\n",
               layers[first].model, options->int8 ? "int8" : "float32",
               cpu_isa_name(isa_of(options)), options->threads, least_us / 1e3, sum_us / 1e3,
               macs / least_us / 1e3);
    else
        printf("%-20s %s %s, %u threads: round %.3f ms, sum of least %.3f ms, %.1f MMAC, "
               "%.1f GMAC/s\n",
               layers[first].model, options->int8 ? "int8" : "fp32", cpu_isa_name(isa_of(options)),
               options->threads, least_us / 1e3, sum_us / 1e3, macs / 1e6, macs / least_us / 1e3);
    base_pool_destroy(pool);
    free(scratch);
    for (int i = 0; i < 3; i++)
        free(buffers[i]);
}

static long number(const char *text, long most)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || *end || value < 1 || value > most) {
        fprintf(stderr, "bench_kernels: '%s' is not a number from 1 to %ld\n", text, most);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"int8", no_argument, NULL, 'i'},
        {"plain", no_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'},
        {"rounds", required_argument, NULL, 'r'},
        {"layers", no_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct options options = {.threads = 1, .rounds = 50};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'i':
            options.int8 = true;
            break;
        case 'p':
            options.plain = true;
            break;
        case 'l':
            options.each = true;
            break;
        case 'j':
            options.json = true;
            break;
        case 't':
            options.threads = (unsigned)number(optarg, 256);
            break;
        case 'r':
            options.rounds = (int)number(optarg, 1000000);
            break;
        default:
            fprintf(stderr, "usage: bench_kernels [--int8] [--plain] [--threads N] [--rounds N] "
                            "[--layers | --json] [MODEL]\n");
            return 2;
        }
    }
    options.model = optind < argc ? argv[optind] : NULL;
    bool found = false;
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        if (!layers[i].model || (options.model && strcmp(options.model, layers[i].model) != 0))
            continue;
        found = true;
        measure(i, &options);
    }
    if (!found)
        fprintf(stderr, "bench_kernels: no model '%s'\n", options.model);
    return found ? EXIT_SUCCESS : 2;
}
