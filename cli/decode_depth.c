/* Lines about depth maps and planes, for people. */
#include "cli/decode_depth.h"

#include "ipc/depth.h"

#include <stdlib.h>

#define BINS 256 /* of the median's histogram */

static const char *const flag_words[] = {
    "left eye covered", "right eye covered", "eyes swapped",     "misaligned",
    "unsynchronised",   "sizes differ",      "no texture",       "the same twice",
    "unmatched",        "no metres",         "nothing measured", "realigned",
};

void cli_depth_flags(uint32_t flags, FILE *file)
{
    bool first = true;
    for (unsigned bit = 0; bit < 32; bit++) {
        if (!(flags & 1u << bit))
            continue;
        fputs(first ? "" : ", ", file);
        first = false;
        if (bit < sizeof flag_words / sizeof flag_words[0])
            fputs(flag_words[bit], file);
        else
            fprintf(file, "flag %u", bit);
    }
}

/* The depth that half of the known pixels are nearer than, to a 256th of the range. */
static float median(const struct percept_depth_view *view, float nearest, float farthest)
{
    const struct percept_depth *depth = view->depth;
    size_t bins[BINS] = {0}, count = 0, below = 0;
    for (uint32_t y = 0; y < depth->height; y++)
        for (uint32_t x = 0; x < depth->width; x++) {
            float z = percept_depth_at(view, (float)x + 0.5F, (float)y + 0.5F, 1);
            if (!(z >= nearest && z <= farthest))
                continue;
            size_t bin = (size_t)((z - nearest) / (farthest - nearest + 1e-6F) * BINS);
            bins[bin < BINS ? bin : BINS - 1]++;
            count++;
        }
    size_t bin = 0;
    while (bin + 1 < BINS && (below += bins[bin]) * 2 < count)
        bin++;
    return nearest + ((float)bin + 0.5F) / BINS * (farthest - nearest);
}

void cli_depth_line(const void *data, size_t size, FILE *file)
{
    struct percept_depth_view view;
    struct percept_error error = {0};
    if (percept_depth_look(data, size, &view, &error) != PERCEPT_OK) {
        fputs(error.message, file);
        return;
    }
    const struct percept_depth *depth = view.depth;
    float nearest = 0, farthest = 0;
    cli_depth_range(&view, &nearest, &farthest);
    fprintf(file, "frame %llu: %ux%u, ", (unsigned long long)depth->frame, depth->width,
            depth->height);
    if (farthest > 0)
        fprintf(file, "%.2f to %.2f m, median %.2f; %.0f %% measured", (double)nearest,
                (double)farthest, (double)median(&view, nearest, farthest),
                (double)depth->known * 100);
    else
        fputs("nothing known", file);
    if (depth->flags) {
        fputs("; ", file);
        cli_depth_flags(depth->flags, file);
    }
}

void cli_depth_range(const struct percept_depth_view *view, float *nearest, float *farthest)
{
    float least = 0, most = 0;
    for (uint32_t y = 0; y < view->depth->height; y++)
        for (uint32_t x = 0; x < view->depth->width; x++) {
            float z = percept_depth_at(view, (float)x + 0.5F, (float)y + 0.5F, 1);
            if (!(z > 0))
                continue;
            least = least > 0 && least < z ? least : z;
            most = most > z ? most : z;
        }
    *nearest = least;
    *farthest = most;
}

int64_t cli_depth_model_ns(const void *data)
{
    return ((const struct percept_depth *)data)->model_ns;
}

void cli_planes_line(const void *data, size_t size, FILE *file)
{
    const struct percept_planes *planes = data;
    (void)size;
    fprintf(file, "frame %llu: ", (unsigned long long)planes->frame);
    if (!planes->plane_count)
        fputs("no plane", file);
    for (uint32_t i = 0; i < planes->plane_count && i < PERCEPT_PLANES_MAX; i++) {
        const struct percept_plane *plane = &planes->planes[i];
        fprintf(file, "%splane %u: %.2f x %.2f m, %.2f m away, normal %.2f %.2f %.2f, %.0f %%",
                i ? "; " : "", plane->id, (double)plane->extent_m[0], (double)plane->extent_m[1],
                (double)plane->distance_m, (double)plane->normal[0], (double)plane->normal[1],
                (double)plane->normal[2], (double)plane->share * 100);
    }
    if (planes->flags) {
        fputs("; ", file);
        cli_depth_flags(planes->flags, file);
    }
}
