/* Why: a daemon tells of the last captions again and again; an app wants to be told of each change
 * once, in order, though it looked away for a while or the daemon was another one meanwhile. */
#include "openxr/captions_view.h"

#include "base/utf8.h"

#include <math.h>
#include <string.h>

static void put_code(const char language[PERCEPT_LANGUAGE_BYTES],
                     char to[XR_MAX_LANGUAGE_SIZE_PERCEPT])
{
    base_utf8_copy(language, strnlen(language, PERCEPT_LANGUAGE_BYTES), to,
                   XR_MAX_LANGUAGE_SIZE_PERCEPT);
}

static bool knows(const struct captions_view *view, const struct percept_caption *caption)
{
    for (uint32_t i = 0; i < view->count; i++)
        if (view->captions[i].daemon_id == caption->id &&
            view->captions[i].begin_ns == caption->begin_ns)
            return true;
    return false;
}

static const struct percept_caption *find_in(const struct percept_captions *sample,
                                             const struct caption *caption)
{
    for (uint32_t i = 0; i < sample->caption_count; i++)
        if (sample->captions[i].id == caption->daemon_id &&
            sample->captions[i].begin_ns == caption->begin_ns)
            return &sample->captions[i];
    return NULL;
}

static void read_caption(const struct percept_caption *caption, struct caption *out)
{
    size_t size = base_utf8_copy(caption->text, strnlen(caption->text, sizeof caption->text),
                                 out->text, sizeof out->text);
    base_utf8_copy(caption->translation, strnlen(caption->translation, sizeof caption->translation),
                   out->translation, sizeof out->translation);
    out->begin_ns = caption->begin_ns;
    out->end_ns = caption->end_ns;
    out->told.captionFlags = caption->final ? XR_CAPTION_FINAL_BIT_PERCEPT : 0;
    out->told.speaker = caption->side;
    out->told.confidence = caption->score <= 0 ? expf(caption->score) : 0;
    out->told.stableSize = caption->stable_bytes < size ? caption->stable_bytes : (uint32_t)size;
    put_code(caption->language, out->told.language);
    put_code(caption->translation_language, out->told.translationLanguage);
}

/* But for what a change of which need not be told. */
static bool same(const struct caption *a, const struct caption *b)
{
    return a->told.captionFlags == b->told.captionFlags && a->end_ns == b->end_ns &&
           a->told.speaker == b->told.speaker && a->told.stableSize == b->told.stableSize &&
           strcmp(a->text, b->text) == 0 && strcmp(a->translation, b->translation) == 0 &&
           strcmp(a->told.language, b->told.language) == 0 &&
           strcmp(a->told.translationLanguage, b->told.translationLanguage) == 0;
}

static struct caption *add(struct captions_view *view)
{
    if (view->count == CAPTIONS_KEPT)
        memmove(view->captions, view->captions + 1, --view->count * sizeof view->captions[0]);
    return &view->captions[view->count++];
}

/* What the sample has no more: it does not change. */
static void keep(struct captions_view *view, const struct caption *old)
{
    struct caption *kept = add(view);
    *kept = *old;
    if (kept->told.captionFlags & XR_CAPTION_FINAL_BIT_PERCEPT)
        return;
    kept->told.captionFlags = XR_CAPTION_FINAL_BIT_PERCEPT | XR_CAPTION_WITHDRAWN_BIT_PERCEPT;
    kept->told.stableSize = 0;
    kept->told.sequence = ++view->sequence;
    memset(kept->text, 0, sizeof kept->text);
    memset(kept->translation, 0, sizeof kept->translation);
}

/* old NULL: it is a new one. */
static void take(struct captions_view *view, const struct percept_caption *caption,
                 const struct caption *old)
{
    struct caption *out = add(view);
    *out = (struct caption){.daemon_id = caption->id};
    read_caption(caption, out);
    out->told.captionId = old ? old->told.captionId : ++view->ids;
    out->told.sequence = old && same(out, old) ? old->told.sequence : ++view->sequence;
}

bool captions_view_of(const struct percept_captions *sample, const struct captions_view *before,
                      struct captions_view *view)
{
    if (sample->caption_count > PERCEPT_CAPTIONS_MAX)
        return false;
    view->capture_ns = sample->capture_ns;
    view->speaking = sample->speaking != 0;
    view->sequence = before->sequence;
    view->ids = before->ids;
    view->count = 0;
    for (uint32_t i = 0; i < before->count; i++) {
        const struct caption *old = &before->captions[i];
        const struct percept_caption *now = find_in(sample, old);
        if (now)
            take(view, now, old);
        else
            keep(view, old);
    }
    for (uint32_t i = 0; i < sample->caption_count; i++)
        if (!knows(before, &sample->captions[i]))
            take(view, &sample->captions[i], NULL);
    return true;
}
