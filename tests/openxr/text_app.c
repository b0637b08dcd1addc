#include "text_app.h"

#include "base/clock.h"

struct percept_app app;
struct percept_text sample;
struct percept_app_texts texts;
struct percept_app_places places;

void text_begin(void)
{
    percept_app_start(&app);
    memset(&sample, 0, sizeof sample);
    sample.image_width = 640;
    sample.image_height = 480;
}

void text_finish(void)
{
    app_stop(&app.app);
    ck_assert_uint_eq(mock_offences(), 0);
    ck_assert_uint_eq(mock_objects(), 0);
}

struct percept_text_line *text_add(uint32_t id, const char *text, float left, float top,
                                   float width, float height)
{
    struct percept_text_line *line = &sample.lines[sample.line_count++];
    *line = (struct percept_text_line){
        .id = id,
        .score = 0.9f,
        .seen = 1,
        .first_ns = 1000 + id,
        .language = "en",
        .corners = {
            {left, top}, {left + width, top}, {left + width, top + height}, {left, top + height}}};
    strncpy(line->text, text, sizeof line->text - 1);
    return line;
}

void text_act(uint32_t line, enum percept_text_action_kind kind, uint32_t from, uint32_t to,
              const char *value)
{
    struct percept_text_action *action = &sample.actions[sample.action_count++];
    *action = (struct percept_text_action){.kind = kind, .line = line, .begin = from, .end = to};
    strncpy(action->value, value, sizeof action->value - 1);
}

void text_show(void)
{
    sample.capture_ns = base_clock_ns();
    percept_app_feed(&feed_text, &sample, sizeof sample);
}

void text_get(XrTextTrackerPERCEPT tracker)
{
    percept_app_texts_init(&texts);
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, &texts.told), XR_SUCCESS);
}

void text_locate(XrTextTrackerPERCEPT tracker, XrSpace base)
{
    percept_app_places_init(&places, base, app_time(base_clock_ns()));
    ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, &places.info, &places.told), XR_SUCCESS);
}

const char *text_of(uint32_t i)
{
    ck_assert_uint_lt(texts.texts[i].textOffset, texts.told.bufferCountOutput);
    return texts.buffer + texts.texts[i].textOffset;
}
