/* Why: a caption that a viewer has seen keeps its place and number while its text grows. */
#include "pipelines/captions.h"

#include "base/utf8.h"

#include <string.h>

static struct percept_caption *newest(struct pipe_captions *captions)
{
    return &captions->list.captions[captions->list.caption_count - 1];
}

struct percept_caption *pipe_captions_add(struct pipe_captions *captions, int64_t begin_ns)
{
    struct percept_captions *list = &captions->list;
    if (list->caption_count == PERCEPT_CAPTIONS_MAX)
        memmove(list->captions, list->captions + 1,
                --list->caption_count * sizeof list->captions[0]);
    list->captions[list->caption_count++] =
        (struct percept_caption){.id = ++captions->ids, .begin_ns = begin_ns, .end_ns = begin_ns};
    return newest(captions);
}

void pipe_captions_drop(struct pipe_captions *captions)
{
    *newest(captions) = (struct percept_caption){0};
    captions->list.caption_count--;
}

void pipe_captions_say(struct pipe_captions *captions, const char *text, size_t size, size_t stable)
{
    struct percept_caption *caption = newest(captions);
    size_t kept = base_utf8_copy(text, size, caption->text, sizeof caption->text);
    stable = stable < kept ? stable : kept;
    caption->stable_bytes = (uint32_t)stable;
    caption->version++;
}

/* How much of a text becomes a caption: all, or up to the last space that fits. */
static size_t part_of(const char *text, size_t size)
{
    if (size < PERCEPT_CAPTION_BYTES)
        return size;
    size_t fits = base_utf8_fit(text, size, PERCEPT_CAPTION_BYTES - 1);
    for (size_t i = fits; i > fits / 2; i--)
        if (text[i] == ' ')
            return i;
    return fits;
}

void pipe_captions_finish(struct pipe_captions *captions, const char *text, size_t size,
                          int64_t end_ns)
{
    for (;;) {
        struct percept_caption *caption = newest(captions);
        size_t part = part_of(text, size);
        pipe_captions_say(captions, text, part, part);
        caption->final = 1;
        caption->end_ns = end_ns;
        if (part == size)
            return;
        caption->end_ns = caption->begin_ns + (int64_t)((double)(end_ns - caption->begin_ns) *
                                                        (double)part / (double)size);
        while (part < size && text[part] == ' ')
            part++;
        text += part;
        size -= part;
        const struct percept_caption before = *caption;
        caption = pipe_captions_add(captions, before.end_ns);
        caption->side = before.side;
        caption->score = before.score;
        caption->no_speech = before.no_speech;
        memcpy(caption->language, before.language, sizeof caption->language);
    }
}
