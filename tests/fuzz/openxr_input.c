#include "openxr_input.h"

#include "openxr/feed.h"

#include <string.h>

static const uint8_t *input;
static size_t left;

void input_begin(const uint8_t *data, size_t size)
{
    input = data;
    left = size;
}

size_t input_left(void)
{
    return left;
}

unsigned input_byte(void)
{
    if (left == 0)
        return 0;
    left--;
    return *input++;
}

void input_bytes(void *to, size_t size)
{
    size_t have = size < left ? size : left;
    memset(to, 0, size);
    memcpy(to, input, have);
    input += have;
    left -= have;
}

/* ---- in the feed's place ---- */

bool feed_hold(enum feed_topic topic)
{
    (void)topic;
    return true;
}

void feed_release(enum feed_topic topic)
{
    (void)topic;
}

bool feed_want(enum feed_topic topic)
{
    (void)topic;
    return true;
}
