/*
 * The order in which a person reads the lines that are in view. Positions are taken along the mean
 * direction of the lines, so a leaning sign is read as an upright one. Then, again and again:
 *
 *  - a gap from top to bottom between two columns of text (at least three lines on either side,
 *    mostly longer than four times their height, side by side over at least half the height of
 *    the shorter column, and a line's height apart) means: the left column, then the right one;
 *  - a gap from left to right of a line's height, as between paragraphs, means: what is above, then
 *    what is below;
 *  - what is left is read row by row, from left to right. A line belongs to a row when its centre
 *    is within half a line's height of the row's first.
 *
 * Tables of short entries have no columns in this sense, and so are read row by row.
 */
#ifndef PIPELINES_TEXT_ORDER_H
#define PIPELINES_TEXT_ORDER_H

#include "pipelines/text_quad.h"

#include <stdint.h>

#define PIPE_ORDER_MAX 256

/* order[i] is the index of the i-th line to be read; count is at most PIPE_ORDER_MAX. */
void pipe_text_order(const pipe_quad *lines, uint32_t count, uint32_t *order);

#endif
