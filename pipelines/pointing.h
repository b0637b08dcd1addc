/* Which line of text a hand points at: geometry without memory. */
#ifndef PIPELINES_POINTING_H
#define PIPELINES_POINTING_H

#include "ipc/topics.h"

#include <stdbool.h>

/* How straight the finger is whose landmarks begin at `base` (5 index, 9 middle, 13 ring, 17
 * little): the way from knuckle to tip over the sum of its bones; 1 is straight, a fist's are below
 * 0.6. In space, by the world landmarks. */
float pipe_finger_straightness(const struct percept_hand *hand, int base);

/* Is the index finger stretched, and are two of the other three (the thumb aside) bent? Strict to
 * begin with; less so for a hand that was pointing. */
bool pipe_hand_points(const struct percept_hand *hand, bool was_pointing);

/*
 * How far a line is from the point, in its own height: 0 when the point is in it, more when the
 * point is below it or beside it. Negative when the point is not at the line at all: more than
 * `below` heights under it, or more than `margin` above or beside it.
 */
float pipe_line_distance(const struct percept_text_line *line, const float point[2], float below,
                         float margin);

#endif
