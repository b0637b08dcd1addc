/*
 * Has the picture changed enough since a detector looked at it for it to look again? Compares means
 * of small squares, as a sign or a digit is made of strokes, and noise is not.
 */
#ifndef PIPELINES_TEXT_CHANGE_H
#define PIPELINES_TEXT_CHANGE_H

#include "base/status.h"
#include "pipelines/stream.h"

#include <stdbool.h>

#define PIPE_CHANGE_CELLS 128 /* along the longer side */

struct pipe_text_change;

enum percept_status pipe_text_change_create(struct pipe_text_change **change,
                                            struct percept_error *error);
void pipe_text_change_destroy(struct pipe_text_change *change); /* NULL is fine */

/* Whether the mean of any square differs by more than `levels` (0..255, of green) from what it was
 * when the picture was kept last, or the frame has another size. Then keep it, in any case of the
 * first. */
bool pipe_text_change_found(struct pipe_text_change *change, const struct pipe_frame *frame,
                            float levels);
/* The next picture counts as changed. */
void pipe_text_change_forget(struct pipe_text_change *change);

#endif
