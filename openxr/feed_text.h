/* The newest text that is seen (FEED_TEXT) or pointed at (FEED_TEXT_SELECTED), as apps are told it.
 */
#ifndef OPENXR_FEED_TEXT_H
#define OPENXR_FEED_TEXT_H

#include "openxr/feed.h"
#include "openxr/text_view.h"

/* From any thread: the newest view, which stays as it is until it is released; NULL: the topic is
 * not had, or stale. Of a selection, the image's size is known while FEED_TEXT is held, too. */
const struct text_view *feed_text_hold(enum feed_topic topic);
void feed_text_release(enum feed_topic topic, const struct text_view *view);

#endif
