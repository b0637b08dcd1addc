/* Print where the fingertips are, until the daemon's input ends.
 * cc fingertips.c $(pkg-config --cflags --libs percept) -o fingertips */
#include "ipc/percept.h"

#include <stdio.h>

static void print_hand(const struct percept_hand *hand)
{
    static const int tips[] = {PERCEPT_THUMB_TIP, PERCEPT_INDEX_TIP, PERCEPT_MIDDLE_TIP,
                               PERCEPT_RING_TIP, PERCEPT_LITTLE_TIP};
    printf("%s hand %u:", hand->handedness == PERCEPT_HAND_LEFT ? "left" : "right", hand->id);
    for (int i = 0; i < 5; i++)
        printf(" (%.1f, %.1f)", hand->image[tips[i]][0], hand->image[tips[i]][1]);
    printf("\n");
}

int main(void)
{
    struct percept_client *client = NULL;
    struct percept_subscription *subscription;
    struct percept_subscribe_options options = {.schema = PERCEPT_HANDS_SCHEMA};
    struct percept_sample sample;
    struct percept_error error;

    enum percept_status status = percept_connect(NULL, &client, &error);
    if (status == PERCEPT_OK)
        status = percept_subscribe(client, "hands", &options, &subscription, &error);
    while (status == PERCEPT_OK &&
           (status = percept_next(subscription, -1, &sample, &error)) == PERCEPT_OK) {
        const struct percept_hands *hands = sample.data;
        for (uint32_t i = 0; i < hands->hand_count; i++)
            print_hand(&hands->hands[i]);
    }
    if (status != PERCEPT_END)
        fprintf(stderr, "fingertips: %s\n", error.message);
    percept_disconnect(client);
    return status == PERCEPT_END ? 0 : 1;
}
