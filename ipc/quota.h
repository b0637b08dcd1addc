/*
 * What one user may take of a daemon, over all of the user's connections, so that there is always
 * something left for another. Loop thread.
 */
#ifndef IPC_QUOTA_H
#define IPC_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IPC_TOPICS_MAX 256

/* Of one user; 0: no limit but the daemon's own. */
struct ipc_quotas {
    unsigned connections;
    unsigned subscriptions;
    unsigned slots;               /* of one topic, that subscriptions may hold: one each */
    size_t queued_bytes;          /* of results that the user has not received yet */
    unsigned pushes;              /* of sound, at once */
    size_t push_bytes;            /* of the sound of each that may wait; 0: IPC_PUSH_QUEUE */
    unsigned requests_per_second; /* connections count as one; up to ten seconds' worth at once */
};

/* What a user has. */
struct ipc_account {
    uid_t uid;
    unsigned connections, subscriptions, pushes;
    size_t queued_bytes;
    uint8_t slots[IPC_TOPICS_MAX]; /* of each topic, by its number */
    int64_t full_ns;               /* when all requests of ten seconds may be made at once again */
    int64_t muted_ns;              /* until then it gets no wake-up sockets */
    uint64_t requests, waits, refusals; /* for people to look at */
    struct ipc_account *next;
};

/* The one of this user, made if need be; NULL when out of memory. Those of users that have gone,
 * and would begin afresh, are freed. */
struct ipc_account *ipc_account_find(struct ipc_account **accounts, uid_t uid, int64_t now_ns);
void ipc_accounts_free(struct ipc_account **accounts);

/* May the user ask for something now? */
bool ipc_account_may_ask(const struct ipc_account *account, const struct ipc_quotas *quotas,
                         int64_t now_ns);
/* The user has. */
void ipc_account_asked(struct ipc_account *account, const struct ipc_quotas *quotas,
                       int64_t now_ns);

/* What was done for the user took so long: each 2.5 ms counts as a request. With 100 a second no
 * user has more than a quarter of the loop for long. */
void ipc_account_took(struct ipc_account *account, const struct ipc_quotas *quotas, int64_t now_ns,
                      int64_t took_ns);

/*
 * Is there room for one more, of `most` that there are? Of those, `taken` are in use, `own` of them
 * by the user, who may have `quota`. The last eighth is for users who have none yet.
 */
bool ipc_quota_room(unsigned own, unsigned quota, unsigned taken, unsigned most);

#endif
