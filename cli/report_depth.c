/* Depth in colour. Colours go by 1 / z, for that is what a stereo camera tells apart: red is near,
 * blue is far, black is not known. */
#include "cli/decode_depth.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

/* Between these, evenly: dark blue, blue, cyan, green, yellow, orange, red, dark red. */
static const unsigned char stops[][3] = {
    {44, 22, 110},  {44, 98, 236},  {24, 190, 210}, {60, 208, 100},
    {236, 216, 56}, {250, 140, 36}, {216, 46, 24},  {128, 8, 12},
};
enum { STOPS = sizeof stops / sizeof stops[0] };

static void color(float share, unsigned char out[3])
{
    float at = (share < 0 ? 0 : share > 1 ? 1 : share) * (STOPS - 1);
    size_t stop = (size_t)at < STOPS - 2 ? (size_t)at : STOPS - 2;
    float part = at - (float)stop;
    for (unsigned c = 0; c < 3; c++)
        out[c] = (unsigned char)((1 - part) * (float)stops[stop][c] +
                                 part * (float)stops[stop + 1][c] + 0.5F);
}

static void describe(const struct percept_depth *depth, float nearest, float farthest, char *note,
                     size_t size)
{
    char *flags = NULL;
    size_t length;
    FILE *file = depth->flags ? open_memstream(&flags, &length) : NULL;
    if (file) {
        cli_depth_flags(depth->flags, file);
        if (fclose(file))
            flags = NULL;
    }
    if (farthest > 0)
        snprintf(note, size, "red %.2f m to blue %.2f m, %.0f %% measured%s%s", (double)nearest,
                 (double)farthest, (double)depth->known * 100, flags ? "; " : "",
                 flags ? flags : "");
    else
        snprintf(note, size, "nothing known%s%s", flags ? ": " : "", flags ? flags : "");
    free(flags);
}

unsigned char *report_depth_picture(const struct percept_depth_view *view, char *note, size_t size)
{
    const struct percept_depth *depth = view->depth;
    float nearest, farthest;
    unsigned char *pixels = calloc((size_t)depth->width * depth->height, 3), *out = pixels;
    cli_depth_range(view, &nearest, &farthest);
    describe(depth, nearest, farthest, note, size);
    float range = farthest > nearest ? 1 / nearest - 1 / farthest : 1;
    for (uint32_t y = 0; pixels && y < depth->height; y++)
        for (uint32_t x = 0; x < depth->width; x++, out += 3) {
            float z = percept_depth_at(view, (float)x + 0.5F, (float)y + 0.5F, 1);
            if (z > 0)
                color((1 / z - 1 / farthest) / range, out);
        }
    return pixels;
}
