/*
 * Quadrilaterals: where lines of text lie. Corners are the top left one as it is read, then
 * clockwise (y down). Those that nets and trackers give are convex, or as good as.
 */
#ifndef PIPELINES_TEXT_QUAD_H
#define PIPELINES_TEXT_QUAD_H

#include <stdbool.h>
#include <stddef.h>

typedef float pipe_quad[4][2];

/* Length along the line and across it: the longer of the two sides each. */
float pipe_quad_width(const float quad[4][2]);
float pipe_quad_height(const float quad[4][2]);
void pipe_quad_centre(const float quad[4][2], float centre[2]);
/* Never negative. */
float pipe_quad_area(const float quad[4][2]);

/* Area of both together by the area of what either covers, 0..1. */
float pipe_quad_overlap(const float a[4][2], const float b[4][2]);

/* Read from `turns` quarter turns further: corner i becomes what was corner i + turns. */
void pipe_quad_turn(float quad[4][2], unsigned turns);

/*
 * The smallest rectangle around the points, of any angle; its sides may be 0. Points are put into
 * another order, and `hull` needs room for as many and one more. count > 0. Corners come in no
 * particular order but a cyclic one.
 */
struct pipe_rectangle {
    float corners[4][2];
    float side; /* the shorter one */
};
struct pipe_rectangle pipe_smallest_rectangle(float (*points)[2], size_t count, float (*hull)[2]);

/* Put the corners of an upright or leaning rectangle into reading order: of the two leftmost the
 * upper one, of the two rightmost the upper, the lower, and the leftmost lower one. */
void pipe_quad_order(float quad[4][2]);

#endif
