/*
 * The house: every room's context, made from the settings in the order in which they depend on each
 * other, and wired: news of `core` to the notifier, accepted deactivations to the caches. Main
 * thread.
 */
#ifndef EXEUNT_DAEMON_HOUSE_H
#define EXEUNT_DAEMON_HOUSE_H

#include "core/account/accounts.h"
#include "core/cluster/cluster.h"
#include "core/deactivation/deactivation.h"
#include "core/delayed/delayed.h"
#include "core/keys/keys.h"
#include "core/room/room.h"
#include "core/sync/sync.h"
#include "daemon/settings.h"

struct house {
	struct arena arena;                /* process lifetime */
	const struct settings *settings;
	struct signing_identity identity;
	struct store *store;
	struct notifier *notifier;
	struct accounts *accounts;
	struct keys *keys;
	struct rooms *rooms;
	struct push *push;
	struct syncs *syncs;
	struct deactivations *deactivations;
	struct delayed *delayed;
	struct cluster *cluster;           /* NULL on SQLite, and for subcommands */
	bool is_fenced;                    /* atomic: another process has ended this one */
};

/* Opens everything but starts nothing: also for the subcommands that work beside no server. */
MUST_CHECK enum rc house_open(struct house *house, const struct settings *settings, struct fail *fail);
/*
 * For the server itself, with PostgreSQL: house_open_cluster() makes what handlers need to know of other processes;
 * house_join() joins those that are there, when this one can be reached at its addresses, which see cluster_start().
 */
MUST_CHECK enum rc house_open_cluster(struct house *house, struct fail *fail);
MUST_CHECK enum rc house_join(struct house *house, str address, str link, struct fail *fail);
/* Closes what is open; accepts a half-open house. */
void house_close(struct house *house);

#endif
