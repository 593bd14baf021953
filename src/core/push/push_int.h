/* Private to core/push. */
#ifndef EXEUNT_CORE_PUSH_PUSH_INT_H
#define EXEUNT_CORE_PUSH_PUSH_INT_H

#include "core/push/cache_int.h"
#include "core/push/push.h"
#include "matrix/push_eval.h"

struct push {
	struct push_config config;
	struct arena arena;                      /* of `server_rules` */
	const struct push_ruleset *server_rules; /* of all who changed nothing */
	struct cache rulesets; /* of those who did: user nid → struct own_ruleset */
	struct cache windows;  /* room nid → struct window: see facts_int.h */
	struct cache unread;   /* user and room → struct unread */
};

/* The rules of one user, compiled; immutable. */
struct own_ruleset {
	struct cached cached;
	int64_t user, pos; /* that of the account data m.push_rules */
	struct arena arena;
	const struct push_ruleset *rules;
};

struct unread;
enum { PUSH_CHECKPOINTS_MAX = 64 }; /* of one run */

struct push_run {
	struct push *push;
	struct txn_ro *txn;
	const struct session *session;
	int64_t to; /* what the transaction sees */
	int64_t version;
	struct nids ignored;
	struct own_ruleset *own; /* NULL: the server's */
	const struct push_ruleset *rules;
	struct unread *checkpoints[PUSH_CHECKPOINTS_MAX]; /* to be stored */
	size_t checkpoint_count;
};

/* run.c: whether the event notifies the reader, by the run's rules. Ignored users and own events are not looked at. */
struct facts;
MUST_CHECK enum rc push_run_ask(struct push_run *run, struct arena *scratch,
    const struct room_view *view, const struct facts *facts, struct push_outcome *ret_outcome);

/* checkpoint.c */
void checkpoints_store(struct push_run *run);

#endif
