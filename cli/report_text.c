/* Why: whether a line was read rightly is seen at once where it stands. */
#include "cli/report.h"

#include <math.h>
#include <string.h>

static bool is_drawable(const struct percept_text_line *line)
{
    for (int i = 0; i < 4; i++)
        if (!isfinite(line->corners[i][0]) || !isfinite(line->corners[i][1]))
            return false;
    return memchr(line->text, '\0', sizeof line->text) != NULL &&
           memchr(line->translation, '\0', sizeof line->translation) != NULL;
}

/* Beside the line, where the picture is wider, along it; below one that leaves no room there. `row`
 * more rows down. */
static void label(const struct percept_text *text, const struct percept_text_line *line,
                  const char *words, const char *color, double row, double unit, FILE *file)
{
    const float(*at)[2] = line->corners;
    double dx = (double)(at[1][0] - at[0][0]), dy = (double)(at[1][1] - at[0][1]);
    double height = hypot((double)(at[3][0] - at[0][0]), (double)(at[3][1] - at[0][1]));
    double size = fmin(fmax(0.6 * height, 9 * unit), 16 * unit);
    bool right = at[0][0] + at[1][0] < (float)text->image_width;
    bool below = hypot(dx, dy) > 0.45 * text->image_width;
    const float *top = at[below ? 3 : right ? 1 : 0], *bottom = at[below || !right ? 3 : 2];
    double across = below ? 0 : (right ? 5 : -5) * unit;
    double down = (below ? 1.1 : 0.35) * size + row * size;
    double angle = atan2(dy, dx);
    right = right || below;
    fprintf(file,
            "<text transform=\"translate(%.1f %.1f) rotate(%.1f)\" x=\"%.1f\" y=\"%.1f\" "
            "font-size=\"%.1f\" text-anchor=\"%s\" fill=\"%s\" stroke=\"#111\" "
            "stroke-width=\"%.1f\" paint-order=\"stroke\">",
            (double)(top[0] + bottom[0]) / 2, (double)(top[1] + bottom[1]) / 2, angle * 180 / M_PI,
            across, down, size, right ? "start" : "end", color, 3 * unit);
    report_escape(words, file);
    fputs("</text>\n", file);
}

void report_draw_text(const struct percept_text *text, double unit, FILE *file)
{
    for (uint32_t i = 0; i < text->line_count && i < PERCEPT_TEXT_LINES_MAX; i++) {
        const struct percept_text_line *line = &text->lines[i];
        if (!is_drawable(line))
            continue;
        fputs("<polygon points=\"", file);
        for (int c = 0; c < 4; c++)
            fprintf(file, "%.1f,%.1f ", (double)line->corners[c][0], (double)line->corners[c][1]);
        fprintf(file, "\" fill=\"none\" stroke=\"#3db8ff\" stroke-width=\"%.1f\"%s/>\n", 2 * unit,
                line->seen ? "" : " stroke-dasharray=\"4 4\"");
        label(text, line, line->text, "#fff", 0, unit, file);
        if (line->translation[0])
            label(text, line, line->translation, "#ffd23d", 1.1, unit, file);
    }
}
