/*
 * What the files of core/room share: heads, operations, writes.
 *
 * A head is where a room stands: its newest event, built or committed, and the parsed state that the next
 * events need. Fields are of three kinds: those of the sequencer and of the chain of writes (under the shard's
 * lock), and those that only the thread that serves the room touches (no lock: there is one such thread at a time).
 */
#ifndef EXEUNT_CORE_ROOM_ROOM_INT_H
#define EXEUNT_CORE_ROOM_ROOM_INT_H

#include "base/map.h"
#include "core/room/membership.h"
#include "core/room/room.h"
#include "graph/auth.h"
#include "matrix/ids.h"
#include "store/accounts.h"

enum {
	ROOM_SHARDS = 16,
	HEAD_STATE_MAX = 128,         /* parsed state events in one head, those of writes in flight excepted */
	HEAD_RECENT_MAX = 64,         /* transaction ids that a head remembers */
	HEAD_ARENA_BYTES = 64 << 10,
	FORK_ARENA_BYTES = 8 << 20,   /* ids of a room's forward extremities */
	REFERENCE_TEXT_BYTES = 43,    /* a SHA-256 in unpadded base64 */
	STATE_ARENA_BYTES = 2 << 20,  /* one parsed event of at most EVENT_MAX_BYTES */
	STATE_PATH_MAX = EVENT_TYPE_MAX_BYTES + STATE_KEY_MAX_BYTES + 1,
	SCRATCH_BYTES = 8 << 20,
	TRIES_MAX = 4,                /* the first, and three on a fresh head */
	CAREFUL_OPS = 256,            /* after a failed write: operations checked in the store before they are built */
	SERVE_MAX = 32,               /* operations that a guest thread serves before it passes the room on */
};

#define LINK_FAILED INT64_C(-1)

/* The nid of an event that the next one is built on, known when its write ran. Read and set by the writer thread. */
struct chain_link {
	int64_t nid;                  /* LINK_FAILED until written */
	unsigned refs;                /* under the shard's lock */
	struct chain_link *next_free;
};

/* A parsed state event at the tip of a room, or the knowledge that there is none. Lives in its own arena. */
struct state_slot {
	struct arena arena;
	str path;                     /* length of the type, type, state key */
	bool present;
	uint64_t seq;                 /* of the write that makes it; 0: read from the store */
	uint64_t used;                /* when it was last asked for, in the head's count */
	struct event event;
};

/* A forward extremity that the next event cites. */
struct extremity {
	int64_t event;                /* nid; 0 for the head's newest event, whose write may be in flight */
	str event_id;
	str hash;                     /* v1 and v2: event_reference_text(); else empty */
};

struct room_head;

struct room_op {
	/* `rc` is RC_OK when the head stands, else why it could not be read. The op may be gone when this returns. */
	void (*run)(struct room_op *op, struct room_head *head, enum rc rc);
	struct room_op *next;         /* the sequencer's */
	bool is_hold;                 /* the sequencer's: takes the room instead of running */
};

/* Work of the rooms' own thread. */
struct room_task {
	struct queue_link link;
	void (*run)(struct room_task *task);
};

struct shard;

struct room_head {
	struct arena arena;           /* holds the head itself */
	str room_id;
	struct rooms *rooms;
	struct shard *shard;

	/* under shard->mu */
	struct room_op *first, **end;
	bool busy;                    /* a thread serves the queue, or somebody holds the room */
	struct cond *held;            /* signalled when the hold in the queue got the room */
	unsigned writes;              /* in flight */
	struct room_head *newer, *older; /* all heads of the shard, by last use */
	bool bad;                     /* a write failed: what was built on it is void */
	uint64_t epoch;               /* grows when a bad head is read anew */
	struct chain_link *tip;       /* of the newest write in flight; NULL: head_event stands */
	int64_t head_event;           /* nid of the newest committed event, when tip is NULL */
	uint64_t committed_seq;

	/* of the serving thread */
	bool loaded;
	bool is_new;                  /* being created: nothing of it is in the store */
	const struct room_version *version;
	int64_t room;                 /* nid */
	int64_t depth;
	struct extremity newest;      /* in newest_id and newest_hash; without an id while the room has no event */
	char newest_id[ID_MAX_BYTES];
	char newest_hash[REFERENCE_TEXT_BYTES];
	struct arena fork;            /* holds the others */
	struct extremity *others;     /* forward extremities besides the newest event; newest first */
	size_t other_count;
	uint64_t seq;                 /* of the newest write built */
	uint64_t uses;
	struct map state;             /* path → struct state_slot */
	uint64_t recent[HEAD_RECENT_MAX]; /* hashes of transaction ids that were used */
	unsigned recent_next;
	unsigned careful;             /* how many more operations are checked first; set when a write failed */

	struct room_task task;        /* while the worker is to go on serving it */
};

struct shard {
	struct lock mu;
	struct map heads GUARDED_BY(mu);          /* room id → struct room_head */
	struct room_head *newest GUARDED_BY(mu), *oldest GUARDED_BY(mu);
	struct arena links GUARDED_BY(mu);        /* memory of chain links, reused */
	struct chain_link *free_links GUARDED_BY(mu);
};

struct rooms {
	struct rooms_config config;
	struct arena arena;           /* holds this */
	struct shard shards[ROOM_SHARDS];
	uint64_t shard_seed;
	size_t shard_heads_max;
	int64_t newest_create_ms;     /* atomic: no two rooms of ours begin in the same millisecond */
	struct queue tasks;
	thread worker;
	bool worker_started;
	bool stopping;                /* atomic: walks end at their next step */
	struct lock mu;
	struct cond walks_over;
	size_t walks GUARDED_BY(mu); /* profiles on their way through rooms */
};

/* room_head.c */
void head_reset(struct room_head *head);
MUST_CHECK enum rc head_load(struct room_head *head);
struct room_head *head_new(struct rooms *rooms, str room_id);
void head_free(struct room_head *head);
/* False: no such slot. `*ret_slot` lives until the next slot is added. */
bool head_slot(struct room_head *head, str type, str state_key, struct state_slot **ret_slot);
/* Remembers a state event (`event` NULL: there is none), made by write `seq` or read (0). */
MUST_CHECK enum rc head_remember(struct room_head *head, str type, str state_key, const struct event *event,
                                 uint64_t seq);
/* Drops state slots beyond the limit that no write in flight made. */
void head_trim(struct room_head *head);
/* How many of `others` the next event cites. */
size_t head_cited(const struct room_head *head);
/* The head moved on to this event, which write `seq` puts on disk; it cites the newest event and head_cited() others. */
MUST_CHECK enum rc head_advance(struct room_head *head, const struct event *event, uint64_t seq);
uint64_t head_committed_seq(struct room_head *head);
/* A write that stood in no chain made this event the head. By the holder. */
void head_committed(struct room_head *head, int64_t event);
void head_forget(struct room_head *head); /* the holder's: the room is read anew when it is asked for next */
void head_spoil(struct room_head *head); /* it is to be read anew before the next operation */
void link_unref_locked(struct shard *shard, struct chain_link *link) REQUIRES(shard->mu);

/* sequencer.c */
void sequencer_submit(struct rooms *rooms, str room_id, struct room_op *op);
/* Takes a room for the caller alone. RC_BUSY after `timeout_ms`; RC_NOT_FOUND and the like when it cannot be read. */
MUST_CHECK enum rc sequencer_hold(struct rooms *rooms, str room_id, int64_t timeout_ms, struct room_head **ret_head);
void sequencer_release(struct room_head *head);
/* The holder's: waits until nothing of the room is in flight. */
MUST_CHECK enum rc sequencer_settle(struct room_head *head);
void sequencer_serve(struct room_head *head);
/* False: the rooms are stopping. */
bool rooms_task(struct rooms *rooms, struct room_task *task);

/* build.c: reads of a head's state share one reading transaction, begun when first needed. */
struct build {
	struct room_head *head;
	struct arena *arena;
	struct txn_ro *txn;
	enum rc rc;                   /* sticky failure of a state read */
	struct fail *fail;
	int64_t *replaced;            /* of the event last built: nids of the `others` that it cites; in `arena` */
	size_t replaced_count;
};
void build_begin(struct build *build, struct room_head *head, struct arena *arena, struct fail *fail);
void build_end(struct build *build);
MUST_CHECK enum rc build_txn(struct build *build, struct txn_ro **ret_txn);
/* The event at the tip, or NULL; look at build->rc before trusting NULL. */
const struct event *build_state(struct build *build, str type, str state_key);
enum membership build_membership(struct build *build, str user_id);
struct power_levels build_power_levels(struct build *build);

struct event_request {
	struct actor actor;
	str type;
	bool is_state;
	str state_key;
	str content;                  /* JSON object */
	json parsed;                  /* the same, or NULL: build_event() parses it */
	str txn_id;
	str delay_id;                 /* of a delayed event; empty: it is none */
	str redacts;
	int64_t origin_server_ts;     /* 0: now */
};
/* Builds and judges. RC_FORBIDDEN with the rule's sentence when the auth rules refuse. */
MUST_CHECK enum rc build_event(struct build *build, const struct event_request *request, struct event *ret_event);

/* write.c: one event on its way to the disk. */
struct room_write {
	struct write_job job;
	struct room_head *head;
	uint64_t epoch, seq;
	struct chain_link *prev, *link;
	int64_t expected_head;        /* when prev is NULL */
	struct event_insert insert;
	struct event_news news;
	struct membership_step step;
	struct write_along along;
	void (*done)(struct room_write *write, enum rc rc);
};
/* Fills the row that stores `event`, and its news; what the sender's session adds is the caller's. */
void write_fill_event(struct room_write *write, int64_t room, str room_id, const struct event *event);
/* Fills the row that stores `event`, the one that `build` built last. */
void write_fill(struct room_write *write, const struct build *build, const struct event *event,
                const struct event_request *request);
/* Puts the write behind the newest of the room; by the thread that serves or holds it. */
MUST_CHECK enum rc chain_append(struct room_write *write, struct room_head *head);
/* In a write transaction: gate and insert. A write without link starts a room that nobody else knows. */
MUST_CHECK enum rc write_run(struct txn_rw *txn, struct room_write *write, struct fail *fail);
/* After the commit, or with the failure: news, and the head learns of it. */
void write_end(struct room_write *write, enum rc rc);
void write_submit(struct room_write *write, struct fail *fail); /* a job of its own; `done` follows */

/* send.c: an event from the wish to the disk, with retries. */
struct event_op {
	struct room_op op;
	struct room_task task;
	struct rooms *rooms;
	str room_id;
	struct arena *arena;
	struct fail *fail;
	struct event_request want;    /* as asked; a retry begins from it */
	/* Of the verb, may be NULL: completes the request on the head; sets `settled` when there is nothing to send. */
	enum rc (*prepare)(struct event_op *op, struct build *build, struct event_request *request);
	struct write_along along;
	void (*done)(struct event_op *op, enum rc rc);
	void *self;
	int verb;                     /* of membership verbs, with what was asked */
	const struct membership_change *verb_change;
	unsigned tries;
	bool settled;                 /* nothing to write: event_id (may be empty) is the answer */
	str event_id;                 /* in `arena` */
	bool unsure;                  /* settled by an event that may not be on disk yet */
	enum rc no_room_rc;           /* RC_NOT_FOUND: says that there is no such room; else RC_FORBIDDEN */
	struct write_job confirm;
	str redacted_canonical;
	struct room_write write;
};
void event_op_start(struct event_op *op);
/* `event`, which stands at the head, is the answer. */
void op_settle(struct event_op *op, struct build *build, const struct event *event);
MUST_CHECK enum rc event_op_wait(struct event_op *op);

/* checks.c: what the specification asks of content beyond the auth rules. */
MUST_CHECK enum rc check_canonical_alias(struct build *build, json content);
MUST_CHECK enum rc check_power_levels(struct build *build, json content);
MUST_CHECK enum rc check_redaction(struct build *build, struct event_request *request, json content,
                                   str *ret_redacted_canonical);

/* check_relation.c: RC_UNKNOWN_400: no thread begins there; RC_DUPLICATE_ANNOTATION. */
MUST_CHECK enum rc check_relation(struct build *build, const struct event_request *request, json content);

/* membership.c */
MUST_CHECK enum rc membership_check(struct event_op *op, struct build *build, struct event_request *request,
                                    json content);
/* {"membership":…} with the profile of `user_id`, if ours, and a reason. */
MUST_CHECK enum rc membership_content(struct build *build, enum membership membership, str user_id, bool with_profile,
                                      str reason, str extra, str *ret_content);
bool user_is_ours(const struct rooms *rooms, str user_id);

#endif
