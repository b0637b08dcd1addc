/* Why: apps get strings in one buffer, ids that outlive a daemon, and to know whether anything but
 * places has changed; none of that should be made out in their threads. */
#include "openxr/text_view.h"

#include "base/utf8.h"

#include <math.h>
#include <string.h>

/* Its offset in the buffer; 0, the empty string, for one that is empty. There is room for all that
 * a sample may have: a string grows by no byte, as U+FFFD stands for one byte that is none only
 * where there is room. */
static uint32_t put(struct text_view *view, const char *text, size_t room)
{
    uint32_t offset = view->buffer_size;
    size_t size = base_utf8_copy(text, strnlen(text, room - 1), view->buffer + offset, room);
    if (size == 0)
        return 0;
    view->buffer_size += (uint32_t)size + 1;
    return offset;
}

static bool is_code(const char language[PERCEPT_LANGUAGE_BYTES])
{
    size_t size = strnlen(language, PERCEPT_LANGUAGE_BYTES);
    for (size_t i = 0; i < size; i++)
        if (language[i] < '!' || language[i] > '~')
            return false;
    return size < PERCEPT_LANGUAGE_BYTES;
}

static void put_code(const char language[PERCEPT_LANGUAGE_BYTES],
                     char to[XR_MAX_LANGUAGE_SIZE_PERCEPT])
{
    static_assert(sizeof(((XrTextPERCEPT *)0)->language) >= PERCEPT_LANGUAGE_BYTES, "room");
    if (is_code(language))
        memcpy(to, language, strnlen(language, PERCEPT_LANGUAGE_BYTES));
}

static uint64_t id_of(const struct percept_text_line *line, const struct text_view *before,
                      uint64_t *ids)
{
    for (uint32_t i = 0; before && i < before->count; i++)
        if (before->lines[i].daemon_id == line->id && before->lines[i].first_ns == line->first_ns)
            return before->lines[i].text.textId;
    return ++*ids;
}

/* A line may stand out of its image, but not by so much that arithmetic with it overflows. */
#define FARTHEST_PX 1e6f

static bool has_place(const struct percept_text_line *line)
{
    for (size_t i = 0; i < 4; i++)
        if (!(fabsf(line->corners[i][0]) < FARTHEST_PX && fabsf(line->corners[i][1]) < FARTHEST_PX))
            return false;
    return true;
}

static void add_line(struct text_view *view, const struct percept_text_line *line,
                     const struct text_view *before, uint64_t *ids)
{
    struct text_line *out = &view->lines[view->count++];
    *out = (struct text_line){
        .first_ns = line->first_ns, .daemon_id = line->id, .seen = line->seen != 0};
    for (size_t i = 0; i < 4; i++)
        out->corners[i] = (XrVector2f){line->corners[i][0], line->corners[i][1]};
    out->text.textId = id_of(line, before, ids);
    out->text.confidence = line->score >= 0 && line->score <= 1 ? line->score : 0;
    out->text.textOffset = put(view, line->text, sizeof line->text);
    out->text.translationOffset = put(view, line->translation, sizeof line->translation);
    put_code(line->language, out->text.language);
    put_code(line->translation_language, out->text.translationLanguage);
}

/* The actions of the last line, which stand together. `line`: its index in the sample. */
static void add_actions(struct text_view *view, uint32_t line,
                        const struct percept_text_action *actions, uint32_t count)
{
    XrTextPERCEPT *text = &view->lines[view->count - 1].text;
    size_t bytes = strlen(view->buffer + text->textOffset);
    text->firstAction = view->action_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct percept_text_action *action = &actions[i];
        if (action->line != line || action->begin > action->end || action->end > bytes)
            continue;
        view->actions[view->action_count++] = (XrTextActionPERCEPT){
            .actionType = action->kind <= PERCEPT_ACTION_PRICE
                              ? (XrTextActionTypePERCEPT)action->kind
                              : XR_TEXT_ACTION_TYPE_OTHER_PERCEPT,
            .textIndex = view->count - 1,
            .begin = action->begin,
            .end = action->end,
            .valueOffset = put(view, action->value, sizeof action->value),
        };
        text->actionCount++;
    }
}

static bool same_line(const struct text_line *a, const struct text_line *b)
{
    return a->text.textId == b->text.textId && a->text.textOffset == b->text.textOffset &&
           a->text.translationOffset == b->text.translationOffset &&
           memcmp(a->text.language, b->text.language, sizeof a->text.language) == 0 &&
           memcmp(a->text.translationLanguage, b->text.translationLanguage,
                  sizeof a->text.translationLanguage) == 0;
}

static bool same(const struct text_view *a, const struct text_view *b)
{
    if (a->count != b->count || a->action_count != b->action_count ||
        a->buffer_size != b->buffer_size || memcmp(a->buffer, b->buffer, a->buffer_size) != 0 ||
        memcmp(a->actions, b->actions, a->action_count * sizeof a->actions[0]) != 0)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!same_line(&a->lines[i], &b->lines[i]))
            return false;
    return true;
}

static void begin(struct text_view *view)
{
    *view = (struct text_view){.buffer_size = 1};
}

static void finish(struct text_view *view, const struct text_view *before)
{
    view->change_count = before ? before->change_count + !same(view, before) : 1;
}

bool text_view_of_all(const struct percept_text *sample, const struct text_view *before,
                      uint64_t *ids, struct text_view *view)
{
    if (sample->line_count > TEXT_LINES || sample->action_count > TEXT_ACTIONS)
        return false;
    begin(view);
    view->capture_ns = sample->capture_ns;
    view->width = sample->image_width;
    view->height = sample->image_height;
    for (uint32_t i = 0; i < sample->line_count; i++) {
        if (!has_place(&sample->lines[i]))
            continue;
        add_line(view, &sample->lines[i], before, ids);
        add_actions(view, i, sample->actions, sample->action_count);
    }
    finish(view, before);
    return true;
}

bool text_view_of_selected(const struct percept_text_selected *sample,
                           const struct text_view *before, uint64_t *ids, struct text_view *view)
{
    if (sample->action_count > PERCEPT_SELECTED_ACTIONS_MAX)
        return false;
    begin(view);
    view->capture_ns = sample->capture_ns;
    view->since_ns = sample->since_ns;
    if (sample->selected && has_place(&sample->line)) {
        if (isfinite(sample->point[0]) && isfinite(sample->point[1]))
            view->point = (XrVector2f){sample->point[0], sample->point[1]};
        add_line(view, &sample->line, before, ids);
        add_actions(view, 0, sample->actions, sample->action_count);
    }
    finish(view, before);
    return true;
}
