/* What tests of text share: an app that has it, the sample that is shown to it line by line, and
 * what it is told. */
#ifndef TESTS_OPENXR_TEXT_APP_H
#define TESTS_OPENXR_TEXT_APP_H

#include "percept_app.h"

#include "ipc/topics.h"

extern struct percept_app app;
extern struct percept_text sample;
extern struct percept_app_texts texts;
extern struct percept_app_places places;

/* The app, and a sample without lines of an image of 640 x 480. */
void text_begin(void);
void text_finish(void);

/* A line of this box in pixels; its first_ns tells daemons apart. */
struct percept_text_line *text_add(uint32_t id, const char *text, float left, float top,
                                   float width, float height);
void text_act(uint32_t line, enum percept_text_action_kind kind, uint32_t from, uint32_t to,
              const char *value);
/* The sample, as it is now. */
void text_show(void);

/* Into texts, and into places. */
void text_get(XrTextTrackerPERCEPT tracker);
void text_locate(XrTextTrackerPERCEPT tracker, XrSpace base);
const char *text_of(uint32_t i);

#endif
