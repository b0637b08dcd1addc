/* Why: limits of the daemon as a whole let whoever comes first take everything. */
#include "ipc/quota.h"

#include "base/clock.h"

#include <stdlib.h>

#define BURST_S       10
#define LOOP_REQUESTS 400 /* a second of the loop's time counts as so many */

struct ipc_account *ipc_account_find(struct ipc_account **accounts, uid_t uid, int64_t now_ns)
{
    struct ipc_account *found = NULL, **link = accounts;
    while (*link) {
        struct ipc_account *account = *link;
        if (account->uid == uid) {
            found = account;
        } else if (account->connections == 0 && account->full_ns <= now_ns &&
                   account->muted_ns <= now_ns) {
            *link = account->next;
            free(account);
            continue;
        }
        link = &account->next;
    }
    if (found)
        return found;
    struct ipc_account *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return NULL;
    fresh->uid = uid;
    fresh->next = *accounts;
    *accounts = fresh;
    return fresh;
}

void ipc_accounts_free(struct ipc_account **accounts)
{
    while (*accounts) {
        struct ipc_account *account = *accounts;
        *accounts = account->next;
        free(account);
    }
}

/* A token bucket as a time: each request moves the moment at which it is full by its share. */
static int64_t full_after(const struct ipc_account *account, const struct ipc_quotas *quotas,
                          int64_t now_ns)
{
    int64_t full = account->full_ns > now_ns ? account->full_ns : now_ns;
    return quotas->requests_per_second ? full + BASE_NS_PER_S / quotas->requests_per_second : full;
}

bool ipc_account_may_ask(const struct ipc_account *account, const struct ipc_quotas *quotas,
                         int64_t now_ns)
{
    return full_after(account, quotas, now_ns) - now_ns <= BURST_S * BASE_NS_PER_S;
}

void ipc_account_asked(struct ipc_account *account, const struct ipc_quotas *quotas, int64_t now_ns)
{
    account->full_ns = full_after(account, quotas, now_ns);
    account->requests++;
}

void ipc_account_took(struct ipc_account *account, const struct ipc_quotas *quotas, int64_t now_ns,
                      int64_t took_ns)
{
    int64_t full = account->full_ns > now_ns ? account->full_ns : now_ns;
    if (quotas->requests_per_second)
        account->full_ns = full + took_ns * LOOP_REQUESTS / quotas->requests_per_second;
}

bool ipc_quota_room(unsigned own, unsigned quota, unsigned taken, unsigned most)
{
    if (quota == 0)
        return taken < most;
    return own < quota && taken < (own == 0 ? most : most - most / 8);
}
