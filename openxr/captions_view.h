/* What of a sample of captions apps are told, in their form, and what they may have missed: made
 * once a sample, by the feed's thread. */
#ifndef OPENXR_CAPTIONS_VIEW_H
#define OPENXR_CAPTIONS_VIEW_H

#include "openxr/percept_openxr.h"

#include "ipc/topics.h"

#include <stdbool.h>

enum {
    CAPTIONS_KEPT = 32, /* four times what a sample has */
    /* Each string with its NUL, and an empty one at the front. */
    CAPTIONS_BUFFER = 1 + CAPTIONS_KEPT * 2 * PERCEPT_CAPTION_BYTES,
};

struct caption {
    XrCaptionPERCEPT told; /* but for the offsets, and the times, which are these: */
    int64_t begin_ns, end_ns;
    uint64_t daemon_id; /* with begin_ns: which one it is, whichever daemon says so */
    char text[PERCEPT_CAPTION_BYTES];
    char translation[PERCEPT_CAPTION_BYTES];
};

struct captions_view {
    int64_t capture_ns;
    uint64_t sequence; /* the newest caption's */
    uint64_t ids;      /* given so far in this process */
    bool speaking;
    uint32_t count;
    struct caption captions[CAPTIONS_KEPT]; /* by captionId */
};

/*
 * Read a sample, which may be anything but must not change meanwhile; before: the last view, at
 * first one of zeros. Captions that the sample has no more stay, as they will not change: a partial
 * one is withdrawn. False when the sample makes no sense, and `view` is of no use.
 */
bool captions_view_of(const struct percept_captions *sample, const struct captions_view *before,
                      struct captions_view *view);

#endif
