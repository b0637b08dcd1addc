/* What of a sample of text apps are told, in their form: made once a sample, by the feed's thread.
 */
#ifndef OPENXR_TEXT_VIEW_H
#define OPENXR_TEXT_VIEW_H

#include "openxr/percept_openxr.h"

#include "ipc/topics.h"

#include <stdbool.h>

enum {
    TEXT_LINES = PERCEPT_TEXT_LINES_MAX,
    TEXT_ACTIONS = PERCEPT_TEXT_ACTIONS_MAX,
    /* Each string with its NUL, and an empty one at the front. */
    TEXT_BUFFER = 1 + TEXT_LINES * 2 * PERCEPT_LINE_BYTES + TEXT_ACTIONS * 128,
};

struct text_line {
    XrTextPERCEPT text; /* but for firstTime */
    int64_t first_ns;
    uint32_t daemon_id; /* with first_ns: which line it is, whichever daemon says so */
    bool seen;
    XrVector2f corners[4]; /* px, as in struct percept_text_line */
};

struct text_view {
    int64_t capture_ns;
    uint64_t change_count; /* grows with what xrGetTextsPERCEPT tells, not with places */
    uint32_t width, height;
    int64_t since_ns; /* of a selection */
    XrVector2f point; /* px, of a selection */
    uint32_t count, action_count, buffer_size;
    struct text_line lines[TEXT_LINES];
    XrTextActionPERCEPT actions[TEXT_ACTIONS];
    char buffer[TEXT_BUFFER];
};

/*
 * From a sample, which may be anything but must not change meanwhile; before: the last view, by
 * which lines keep their ids; NULL: there is none. ids: given so far in this process. False when
 * it makes no sense, and `view` is of no use.
 */
bool text_view_of_all(const struct percept_text *sample, const struct text_view *before,
                      uint64_t *ids, struct text_view *view);
bool text_view_of_selected(const struct percept_text_selected *sample,
                           const struct text_view *before, uint64_t *ids, struct text_view *view);

#endif
