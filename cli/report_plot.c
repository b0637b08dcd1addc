/* Plots as inline SVG: no script, no library, nothing to load. */
#include "base/clock.h"
#include "cli/report.h"

#include <math.h>

#define WIDTH  520
#define HEIGHT 230
#define LEFT   46
#define RIGHT  12
#define TOP    38
#define BOTTOM 32
#define PLOT_W (WIDTH - LEFT - RIGHT)
#define PLOT_H (HEIGHT - TOP - BOTTOM)

#define BINS    40
#define COLUMNS 240 /* of a curve: more points than pixels say nothing */

struct axis {
    double most, step; /* from 0; ticks at multiples of step */
};

/* About five ticks at 1, 2 or 5 times a power of ten. */
static struct axis axis_for(double most)
{
    if (!(most > 0))
        most = 1;
    double power = pow(10, floor(log10(most / 5))), rest = most / 5 / power;
    double step = (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10) * power;
    return (struct axis){ceil(most / step) * step, step};
}

static double x_at(struct axis axis, double value)
{
    return LEFT + PLOT_W * value / axis.most;
}

static double y_at(struct axis axis, double value)
{
    return TOP + PLOT_H * (1 - fmin(value, axis.most) / axis.most);
}

static void begin(const char *title, struct axis x, const char *x_name, struct axis y,
                  const char *y_name, FILE *file)
{
    fprintf(file,
            "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n"
            "<text class=\"title\" x=\"%d\" y=\"16\">%s</text>\n",
            WIDTH, HEIGHT, title, LEFT, title);
    for (double value = 0; value <= y.most * 1.001; value += y.step)
        fprintf(file,
                "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                LEFT, WIDTH - RIGHT, y_at(y, value), y_at(y, value), LEFT - 6, y_at(y, value) + 4,
                value);
    for (double value = 0; value <= x.most * 1.001; value += x.step)
        fprintf(file, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                x_at(x, value), TOP + PLOT_H + 15, value);
    fprintf(file,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>"
            "<text x=\"%d\" y=\"%d\">%s</text>\n",
            WIDTH - RIGHT, HEIGHT - 3, x_name, 4, TOP - 8, y_name);
}

/* ---- over time ---- */

static void curve(const struct report_curve *of, int64_t from_ns, struct axis x, struct axis y,
                  FILE *file)
{
    const struct cli_series *series = of->series;
    size_t per_column = (series->count + COLUMNS - 1) / COLUMNS;
    fprintf(file, "<polyline fill=\"none\" stroke=\"%s\" points=\"", of->color);
    for (size_t i = 0; i < series->count; i += per_column) {
        /* The largest of what falls together: a spike is what one looks for. */
        const struct cli_point *worst = &series->points[i];
        for (size_t j = i; j < i + per_column && j < series->count; j++)
            if (series->points[j].ns > worst->ns)
                worst = &series->points[j];
        fprintf(file, "%.1f,%.1f ", x_at(x, (double)(worst->at_ns - from_ns) / BASE_NS_PER_S),
                y_at(y, (double)worst->ns / BASE_NS_PER_MS));
    }
    fputs("\"/>\n", file);
}

void report_plot_over_time(const char *title, const struct report_curve *curves, size_t count,
                           FILE *file)
{
    int64_t from = INT64_MAX, to = INT64_MIN, most = 0;
    for (size_t c = 0; c < count; c++) {
        const struct cli_series *series = curves[c].series;
        for (size_t i = 0; i < series->count; i++) {
            const struct cli_point *point = &series->points[i];
            from = point->at_ns < from ? point->at_ns : from;
            to = point->at_ns > to ? point->at_ns : to;
            most = point->ns > most ? point->ns : most;
        }
    }
    if (from > to)
        return;
    struct axis x = axis_for((double)(to - from) / BASE_NS_PER_S);
    struct axis y = axis_for((double)most / BASE_NS_PER_MS);
    begin(title, x, "s", y, "ms", file);
    double legend = WIDTH - RIGHT;
    for (size_t c = count; c-- > 0;) {
        if (!curves[c].series->count)
            continue;
        curve(&curves[c], from, x, y, file);
        fprintf(file, "<text x=\"%.0f\" y=\"16\" text-anchor=\"end\" fill=\"%s\">%s</text>\n",
                legend, curves[c].color, curves[c].name);
        legend -= 90;
    }
    fputs("</svg>\n", file);
}

/* ---- histogram ---- */

void report_plot_histogram(const char *title, const struct report_curve *curve, FILE *file)
{
    const struct cli_series *series = curve->series;
    struct cli_summary summary;
    unsigned bins[BINS + 1] = {0}, highest = 0;
    if (!series->count || !cli_series_summary(series, &summary))
        return;
    /* A few outliers would press the rest into one bar; what is beyond the axis goes into the last
     * bar. */
    double most = fmin((double)summary.max_ns, 1.5 * (double)summary.p99_ns) / BASE_NS_PER_MS;
    struct axis x = axis_for(most);
    for (size_t i = 0; i < series->count; i++) {
        double value = fmax((double)series->points[i].ns / BASE_NS_PER_MS, 0);
        size_t bin = (size_t)fmin(value / x.most * BINS, BINS - 1);
        if (++bins[bin] > highest)
            highest = bins[bin];
    }
    struct axis y = axis_for(highest);
    begin(title, x, "ms", y, "samples", file);
    for (unsigned b = 0; b < BINS; b++)
        if (bins[b])
            fprintf(file,
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
                    LEFT + b * (double)PLOT_W / BINS, y_at(y, bins[b]), PLOT_W / (double)BINS - 1,
                    TOP + PLOT_H - y_at(y, bins[b]), curve->color);
    const struct {
        const char *name;
        int64_t ns;
    } marks[] = {{"p50", summary.median_ns}, {"p99", summary.p99_ns}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        double value = (double)marks[i].ns / BASE_NS_PER_MS, at = x_at(x, fmin(value, x.most));
        fprintf(file,
                "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                "<text x=\"%.1f\" y=\"%zu\" text-anchor=\"%s\">%s %.*f</text>\n",
                at, at, TOP, TOP + PLOT_H, at + (at > WIDTH / 2.0 ? -4 : 4), TOP + 10 + 13 * i,
                at > WIDTH / 2.0 ? "end" : "start", marks[i].name, value < 10 ? 2 : 1, value);
    }
    fputs("</svg>\n", file);
}
