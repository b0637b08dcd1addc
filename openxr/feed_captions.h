/* What is being said (FEED_CAPTIONS), as apps are told it. */
#ifndef OPENXR_FEED_CAPTIONS_H
#define OPENXR_FEED_CAPTIONS_H

#include "openxr/captions_view.h"
#include "openxr/feed.h"

/* From any thread: the newest view, which stays as it is until it is released; NULL: the topic is
 * not had. */
const struct captions_view *feed_captions_hold(void);
void feed_captions_release(const struct captions_view *view);

#endif
